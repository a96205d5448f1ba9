"""Checks of what a user hands in, before anything compiles."""
