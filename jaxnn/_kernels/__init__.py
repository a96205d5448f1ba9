"""How XLA is made fast: the layout of arrays, matrix products, windows, tiles, and what differs by platform."""
