"""What makes XLA programs fast: array layout, matrix products, windows, tiles, and choices by platform."""
