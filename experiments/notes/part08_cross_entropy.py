"""Cross entropy

SoftMax outputs are between 0 and 1, so squared residuals are too, and they hardly penalize a very wrong prediction.
Cross entropy is -log p, where p is the SoftMax output for the observed species; the other species have weight 0 in it.
The values are summed over the data set. Where p is close to 0, -log p is large and steep, so gradient descent takes
large steps where the prediction is worst. The squared residual, with residual = 1 - p, has a slope of at most 2 there.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from experiments.notes import flowers
from experiments.notes.story import Config, Part, Picture, finish, run_part

P = jnp.array([0.01, 0.1, 0.3, 0.5, 0.57, 0.7, 0.9, 0.99])


def cross_entropy_of(p: Any) -> jax.Array:
    """-log p: the cross entropy of two classes with logits log p and log (1 - p), the first one observed."""
    return nn.cross_entropy(jnp.log(jnp.stack([p, 1 - p]))[None], jnp.array([0]))[0]


def squared_residual_of(p: Any) -> jax.Array:
    """(1 - p)²: the squared residual of an observed 1."""
    return nn.squared_error(jnp.reshape(p, (1, 1)), jnp.ones((1, 1)))[0]


def compute_three_rows() -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Returns, for the three flowers, raw outputs, SoftMax, p of the observed species, and cross entropy."""
    raw = flowers.NETWORK.apply(flowers.PARAMS, flowers.THREE_WIDTHS)
    p = nn.softmax(raw)
    return raw, p, p[jnp.arange(3), flowers.THREE_SPECIES], nn.cross_entropy(raw, flowers.THREE_SPECIES)


@jax.jit
def both_losses(p: jax.Array) -> dict[str, jax.Array]:
    """Returns -log p and (1 - p)² for many p, each with its slope by `jax.grad`."""
    losses, slopes = jax.vmap(jax.value_and_grad(cross_entropy_of))(p)
    squares, square_slopes = jax.vmap(jax.value_and_grad(squared_residual_of))(p)
    return {"-log p": losses, "slope -1/p": slopes, "(1-p)^2": squares, "slope -2(1-p)": square_slopes}


def figures() -> dict[str, Any]:
    raw, p, observed, losses = compute_three_rows()
    rounded = nn.cross_entropy(jnp.log(p.round(2)), flowers.THREE_SPECIES)
    residual = nn.absolute_error(P[4].reshape(1, 1), jnp.ones((1, 1)))[0]
    return {
        **{f"raw outputs row {row + 1}": raw[row] for row in range(3)},
        **{f"softmax row {row + 1}": p[row] for row in range(3)},
        "p of observed species": observed,
        "cross entropy per row, from rounded p": rounded,
        "cross entropy per row, exact": losses,
        "total cross entropy": rounded.sum(),
        "total cross entropy exact": losses.sum(),
        "residual and squared residual for p=0.57": [residual, squared_residual_of(P[4])],
        "p": P,
        **both_losses(P),
    }


def draw(_: Config) -> list[Picture]:
    caption = "The network whose outputs, after SoftMax, are compared with what was observed."
    return [flowers.draw_network("part08_network", flowers.PARAMS, caption), draw_losses()]


def draw_losses() -> Picture:
    drawing, (axes,) = nn.plots.figure(1, 2, size=(5.0, 4.0))
    grid = np.linspace(0.005, 0.995, 199, dtype=np.float32)
    lines, points = both_losses(grid), np.array([0.1, 0.57], np.float32)
    at_points = both_losses(points)
    labels = {"-log p": "cross entropy: −log p", "(1-p)^2": "squared residual: (1 − p)²"}
    for colour, name, slope in ((0, "-log p", "slope -1/p"), (2, "(1-p)^2", "slope -2(1-p)")):
        style = {"color": nn.plots.COLOURS[colour], "linewidth": 2.5, "label": labels[name]}
        axes[0].plot(grid, lines[name], **style)
        axes[1].plot(grid, -lines[slope], **style)
        nn.plots.tangents(axes[0], points, at_points[name], at_points[slope], reach=0.08, arrows=False)
    *_, observed, losses = compute_three_rows()
    axes[0].plot(observed, losses, "D", color=nn.plots.COLOURS[3], label="the three flowers")
    axes[0].set(xlabel="p of the observed species (0 to 1)", ylabel="loss (cross entropy in nats)", ylim=(-0.1, 5))
    axes[1].set(xlabel="p of the observed species (0 to 1)", ylabel="steepness: minus the slope", yscale="log")
    axes[1].set_ylim(0.01, 300)
    caption = "Both losses over p, with tangents at 0.1 and 0.57 (left), and how steep they are (right)."
    return finish(drawing, "part08_losses", caption)


PART = Part("part6", __doc__, figures, draw, (compute_three_rows, cross_entropy_of, squared_residual_of))

if __name__ == "__main__":
    run_part(PART)
