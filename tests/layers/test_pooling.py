"""Global pooling equals pooling with one window that covers the array, forward and backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn

pytestmark = pytest.mark.optimized(older_code=True)


@pytest.mark.parametrize("size", [(1,), (7,), (4, 3), (2, 3, 5)], ids=str)
def test_global_pools_equal_a_window_as_large_as_the_array(size: tuple[int, ...], rng: np.random.Generator) -> None:
    # With three values, nearly every maximum occurs more than once: its gradient goes to the first.
    x = rng.integers(0, 3, (3, *size, 2)).astype("f")
    for all_positions, window in ((nn.global_max_pool, nn.max_pool), (nn.global_avg_pool, nn.avg_pool)):
        outputs, pull_back = jax.vjp(jax.jit(all_positions), x)
        expected, pull_back_window = jax.vjp(jax.jit(lambda x, pool=window: pool(x, size)), x)
        np.testing.assert_allclose(outputs, expected.reshape(3, 2), rtol=1e-6)
        cotangent = jnp.arange(1.0, 7.0).reshape(3, 2)
        slopes = pull_back(cotangent)[0], pull_back_window(cotangent.reshape(expected.shape))[0]
        np.testing.assert_allclose(*slopes, rtol=1e-6)
