"""Checks of user input, made before anything compiles."""
