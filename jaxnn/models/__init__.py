"""Models: pairs of pure functions, with networks ready to use."""
