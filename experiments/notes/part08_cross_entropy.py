"""Cross entropy

SoftMax outputs are between 0 and 1, so squared residuals between 0 and 1 too, and a badly wrong network would hardly be
told. Cross entropy is -log p, p being the SoftMax output for the species that was observed; the other species have
weight 0 in it. Over a data set the values are added up. Where p is close to 0, -log p is large and steep, so gradient
descent takes large steps just when the prediction is at its worst; the squared residual, with residual = 1 - p, has a
slope of no more than 2 there.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from experiments.notes import flowers
from experiments.notes.story import Config, Part, Picture, finish, tell

P = jnp.array([0.01, 0.1, 0.3, 0.5, 0.57, 0.7, 0.9, 0.99])


def cross_entropy_of(p: Any) -> jax.Array:
    """-log p: the loss of two classes whose logits are log p and log (1 - p), the first observed."""
    return nn.cross_entropy(jnp.log(jnp.stack([p, 1 - p]))[None], jnp.array([0]))[0]


def squared_residual_of(p: Any) -> jax.Array:
    """(1 - p)²: observed is 1."""
    return nn.squared_residuals(jnp.reshape(p, (1, 1)), jnp.ones((1, 1)))[0]


def three_rows() -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """For the three flowers: raw outputs, SoftMax, p of the observed species, and the cross entropy."""
    raw = flowers.NETWORK.apply(flowers.PARAMS, flowers.THREE_WIDTHS)
    p = nn.softmax(raw)
    return raw, p, p[jnp.arange(3), flowers.THREE_SPECIES], nn.cross_entropy(raw, flowers.THREE_SPECIES)


@jax.jit
def both_losses(p: jax.Array) -> dict[str, jax.Array]:
    """-log p and (1 - p)², each with its slope by jax.grad, for many p."""
    names = {"-log p": "slope -1/p", "(1-p)^2": "slope -2(1-p)"}
    losses = zip(names.items(), (cross_entropy_of, squared_residual_of), strict=True)
    pairs = {names: jax.vmap(jax.value_and_grad(loss))(p) for names, loss in losses}
    return {name: values for names, both in pairs.items() for name, values in zip(names, both, strict=True)}


def figures() -> dict[str, Any]:
    raw, p, observed, losses = three_rows()
    rounded = nn.cross_entropy(jnp.log(p.round(2)), flowers.THREE_SPECIES)
    residual = nn.absolute_residuals(P[4].reshape(1, 1), jnp.ones((1, 1)))[0]
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
        look = {"color": nn.plots.COLOURS[colour], "linewidth": 2.5, "label": labels[name]}
        axes[0].plot(grid, lines[name], **look)
        axes[1].plot(grid, -lines[slope], **look)
        nn.plots.tangents(axes[0], points, at_points[name], at_points[slope], reach=0.08, arrows=False)
    *_, observed, losses_of_rows = three_rows()
    axes[0].plot(observed, losses_of_rows, "D", color=nn.plots.COLOURS[3], label="the three flowers")
    axes[0].set(xlabel="p of the observed species (0 to 1)", ylabel="loss (cross entropy in nats)", ylim=(-0.1, 5))
    axes[1].set(xlabel="p of the observed species (0 to 1)", ylabel="steepness: minus the slope", yscale="log")
    axes[1].set_ylim(0.01, 300)
    caption = "Both losses over p, with tangents at 0.1 and 0.57 (left), and how steep they are (right)."
    return finish(drawing, "part08_losses", caption)


PART = Part("part6", __doc__, figures, draw, (three_rows, cross_entropy_of, squared_residual_of))

if __name__ == "__main__":
    tell(PART)
