"""A sweep, from ten lines to ASHA over widths and depths."""

# %% Ten lines

import jax
import optax

import jaxnn as nn

print(1)
