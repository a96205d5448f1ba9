"""Schedulers: which trials continue, and which are stopped or copied."""
