"""Formats of other tools, one module for each; a tool is imported when its module first needs it."""
