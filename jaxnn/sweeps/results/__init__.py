"""What a sweep returns."""
