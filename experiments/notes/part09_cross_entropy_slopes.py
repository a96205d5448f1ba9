"""Cross entropy and backpropagation

Setosa's output bias b3 is unknown again and starts at -2. It affects the cross entropy (CE) of every flower, because
SoftMax combines the outputs of all species. Let p be setosa's SoftMax output. If setosa was observed, the chain rule
multiplies -1/p by p · (1 - p): dCE/db3 = p - 1. If another species was observed, with SoftMax output q, it multiplies
-1/q by -p · q: dCE/db3 = p. The slope of the total is the sum over the flowers, and gradient descent with a learning
rate of 1 finds the b3 at which it is 0.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments.notes import flowers
from experiments.notes.story import Config, Part, Picture, finish, record_path, run_part

START = jnp.array(-2.0)
WIDTHS, SPECIES = flowers.THREE
TRACED = np.arange(12)

# The only parameter of this model is b3; the others are constants of its function.
MODEL = nn.Model(lambda key: START, lambda b3, x, *, key=None: flowers.NETWORK.apply(flowers.with_b3(b3), x))
RECIPE = nn.Recipe(MODEL, nn.cross_entropy, optax.sgd(1.0), reduction=jnp.sum)


def losses(b3: Any) -> jax.Array:
    """Returns the cross entropy of each flower."""
    return nn.cross_entropy(MODEL.apply(b3, WIDTHS), SPECIES)


def slopes_by_chain_rule(b3: Any) -> jax.Array:
    """dCE/db3 = p - 1 if setosa was observed, else p, for each flower."""
    p = nn.softmax(MODEL.apply(b3, WIDTHS))[:, 0]
    return p - (SPECIES == 0)


def slopes_by_differences(b3: Any, nearby: float = 0.01) -> jax.Array:
    return (losses(b3 + nearby) - losses(b3 - nearby)) / (2 * nearby)


slopes = jax.jacobian(losses)
over_b3 = jax.jit(jax.vmap(lambda b3: (losses(b3), slopes(b3))))  # each flower's cross entropy and slope


def find_b3(epochs: int = 100) -> nn.FitResult:
    """Runs gradient descent from b3 = -2 until a step is close to 0."""
    return nn.fit(RECIPE, flowers.THREE, key=jax.random.key(0), epochs=epochs, params=START, stop=nn.small_step(1e-6))


@functools.cache
def compute_path() -> np.ndarray:
    """Returns b3, the total cross entropy and its slope, with a row for the start and each of 12 steps."""
    b3 = jax.jit(lambda: record_path(RECIPE, flowers.THREE, START, steps=12))()
    return np.stack([b3, *(np.asarray(values).sum(axis=1) for values in over_b3(b3))], axis=1)


def figures() -> dict[str, Any]:
    raw = MODEL.apply(START, WIDTHS)
    p = nn.softmax(raw)
    b3, totals, total_slopes = compute_path().T
    losses_at_start, slopes_at_start = (values[0] for values in over_b3(START[None]))
    lowest = find_b3().params
    of_params = jax.jit(jax.jacobian(lambda params: nn.cross_entropy(flowers.NETWORK.apply(params, WIDTHS), SPECIES)))
    return {
        **{f"raw row {row + 1} at b3=-2": raw[row] for row in range(3)},
        **{f"softmax row {row + 1}": p[row] for row in range(3)},
        "p of observed species at b3=-2": p[jnp.arange(3), SPECIES],
        "cross entropy per row at b3=-2": losses_at_start,
        "total cross entropy at b3=-2": totals[0],
        "derivative terms": slopes_at_start,
        "slope at b3=-2": total_slopes[0],
        "step size (lr 1)": 1.0 * total_slopes[0],
        "new b3": b3[1],
        "minimiser b3 and its total CE": [lowest, losses(lowest).sum()],
        "total CE at b3=-2,-1,0,1": over_b3(jnp.array([-2.0, -1.0, 0.0, 1.0]))[0].sum(axis=1),
        "gradient matrix at b3=-2: rows = observations 1..3, cols = d/db3, d/db4, d/db5": of_params(
            flowers.with_b3(START)
        )["output"].bias,
        f"b3, total_CE, slope after {', '.join(map(str, TRACED))} steps, lr 1": compute_path()[TRACED],
        "derivative terms, by the chain rule's formula": slopes_by_chain_rule(START),
        "derivative terms, by finite differences": slopes_by_differences(START),
    }


def draw(_: Config) -> list[Picture]:
    caption = "Two of the output biases are known, setosa's is not."
    return [flowers.draw_network("part09_network", flowers.with_b3(jnp.array(jnp.nan)), caption), draw_descent()]


def draw_descent() -> Picture:
    drawing, (axes,) = nn.plots.figure(1, 2, size=(5.0, 4.0))
    grid = np.linspace(-2.6, 1.6, 127, dtype=np.float32)
    each_loss, each_slope = map(np.asarray, over_b3(grid))
    axes[0].plot(grid, each_loss.sum(axis=1), color=nn.plots.COLOURS[3], linewidth=2.5, label="total cross entropy")
    nn.plots.tangents(axes[0], *compute_path()[:6].T, reach=0.45)
    axes[0].set(xlabel="b3", ylabel="total cross entropy (nats)")
    for flower, values in enumerate(each_slope.T):
        name = flowers.SPECIES[SPECIES[flower]]
        axes[1].plot(grid, values, color=nn.plots.COLOURS[SPECIES[flower]], linewidth=2.5, label=f"{name} observed")
    axes[1].plot(grid, each_slope.sum(axis=1), color="black", linestyle="--", label="sum")
    axes[1].axhline(0, color="black", linewidth=0.8)
    axes[1].set(xlabel="b3", ylabel="dCE/db3 of each flower (nats)")
    caption = "The descent from b3 = −2 with its tangents (left); each flower's part of the slope (right)."
    return finish(drawing, "part09_descent", caption)


PART = Part("part7", __doc__, figures, draw, (slopes_by_chain_rule, find_b3))

if __name__ == "__main__":
    run_part(PART)
