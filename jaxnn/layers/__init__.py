"""Layers: plain functions of explicit parameters.

`init_…` makes the parameters, and the function of the same name uses them. Arrays are batch first, with exactly one
batch axis: tables `(batch, features)`, images `(batch, height, width, channels)`, or one or three spatial axes.
`jax.vmap` adds any other axis. Inputs are real numbers of any type, or bools. Layers compute in the floating type of
their parameters, or of the input if that is wider, so that uint8 images need no conversion. The private bodies
(`_dense`, …) are written batch last, see `_kernels/batch_last.py`.
"""
