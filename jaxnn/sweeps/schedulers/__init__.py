"""Which trials go on, and which are stopped or copied."""
