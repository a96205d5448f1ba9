"""Which settings are tried, and in which order."""
