"""What a sweep searches."""
