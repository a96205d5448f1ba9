"""The result of a sweep: trials, tables, curves, importance and replay."""
