"""Pairs the layers of a model with those of another tool: what all readers and writers of weights share."""
