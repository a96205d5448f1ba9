"""Backpropagation, details 1: three parameters at once

Now the last layer is unknown as a whole. Its weights w3 and w4 start from a standard normal, here at 0.36 and 0.63, and
its bias b3 at 0. Each of the three gets its own derivative of the same SSR, all taken at the same point, and all move
together. The formula for dSSR/db3 is the one of part 2, and neither weight is written in it; the predictions in it
depend on both all the same, so its value changes with them. On the way down b3 even turns around, because the weights
have moved.
"""

import functools
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments import common
from experiments.notes.networks import (
    DOSAGE,
    DOSAGE_NETWORK,
    DOSAGES,
    EFFICACY,
    FOUND,
    Params,
    dosage_params,
    seven,
    ssr,
    watch,
)
from experiments.notes.story import Config, Part, Picture, tell

PARAMS = dosage_params(**FOUND | {"w3": 0.36, "w4": 0.63, "b3": 0.0})
NAMES = ("w3", "w4", "b3")
TRACED = np.array([1, 2, 3, 10, 50, 100, 200, 300, 400, 500, 1000])


def recipe(learning_rate: Any = 0.1) -> nn.Recipe:
    """Gradient descent on the SSR that leaves the hidden layer as it is."""
    frozen = {"hidden_1": True, "output": False}
    mask = {name: jax.tree.map(lambda _, one=frozen[name]: one, layer) for name, layer in PARAMS.items()}
    optimizer = optax.selective_transform(optax.sgd(learning_rate), freeze_mask=mask)
    return nn.Recipe(DOSAGE_NETWORK, nn.squared_residuals, optimizer, reduction=jnp.sum)


def descend(output: nn.Affine, learning_rate: Any = 0.1, steps: int = 2000) -> Params:
    """All parameters before and after each step, from this last layer on."""
    return watch(recipe(learning_rate), (DOSAGE, EFFICACY), PARAMS | {"output": output}, steps=steps)


@functools.cache
def path() -> Params:
    return jax.jit(descend)(PARAMS["output"])


def draw_last_layers(key: jax.Array, count: int) -> nn.Affine:
    """w3 and w4 from a standard normal, b3 = 0, `count` times."""
    draw_one = functools.partial(nn.init_dense, inputs=2, outputs=1, initializer=nn.standard_normal)
    return jax.vmap(draw_one)(jax.random.split(key, count))


def slope_of_b3(w3: Any, w4: Any) -> Any:
    """dSSR/db3 at b3 = 0, for other weights."""
    return jax.grad(lambda b3: ssr(dosage_params(**FOUND | {"w3": w3, "w4": w4, "b3": b3})))(0.0)


def figures() -> dict[str, Any]:
    x = nn.dense(PARAMS["hidden_1"], DOSAGE)
    y = nn.softplus(x)
    predictions = DOSAGE_NETWORK.apply(PARAMS, DOSAGE)
    slopes = seven(jax.grad(ssr)(PARAMS))[4:]
    steps = jax.vmap(seven)(path())[:, 4:]
    flat, unravel = jax.flatten_util.ravel_pytree(PARAMS["output"])
    curvature = jnp.linalg.eigvalsh(jax.hessian(lambda flat: ssr(PARAMS | {"output": unravel(flat)}))(flat))
    losses = jax.vmap(ssr)(path())
    return {
        "SSR at start": ssr(PARAMS),
        **{f"dSSR/d{name} at start": slope for name, slope in zip(NAMES, slopes, strict=True)},
        "x1 at 0, 0.5, 1": x[:, 0],
        "y1": y[:, 0],
        "x2": x[:, 1],
        "y2": y[:, 1],
        "predictions at start": predictions[:, 0],
        "residuals at start": (EFFICACY - predictions)[:, 0],
        "step sizes w3,w4,b3 (lr 0.1)": steps[0] - steps[1],
        "new w3,w4,b3 after step 1 (lr 0.1)": steps[1],
        "step-1 values if lr 0.01": seven(jax.tree.map(lambda leaf: leaf[1], descend(PARAMS["output"], 0.01, 1)))[4:],
        "optimal w3,w4,b3": steps[-1],
        "largest stable learning rate (2/max Hessian eigenvalue)": 2 / curvature[-1],
        "w3, w4, b3, SSR after 1, 2, 3, 10, 50, 100, 200, 300, 400, 500, 1000 steps, lr 0.1": jnp.column_stack(
            [steps, losses]
        )[TRACED],
        "dSSR/db3 at b3 = 0 with the final w3 and w4": slope_of_b3(steps[-1, 0], steps[-1, 1]),
    }


def draw(_: Config) -> list[Picture]:
    drawing, axes = nn.plots.figure(size=(10, 2.8))
    unknown = dosage_params(**FOUND | dict.fromkeys(NAMES, np.nan))
    names = {"inputs": ["dosage\n(0 to 1)"], "outputs": ["efficacy\n(0 to 1)"]}
    nn.plots.network(axes[0, 0], [*unknown.values()], **names, activation=nn.softplus)
    network = Picture(common.save(drawing, "notes", "part03_network"), "The last layer is unknown: w3, w4 and b3.")
    return [network, draw_path(), draw_starts_and_slopes()]


def draw_path() -> Picture:
    drawing, (axes,) = nn.plots.figure(1, 2, size=(5, 3.8))
    for number, step in enumerate((0, 1, 10, 100, 2000)):
        squiggle = DOSAGE_NETWORK.apply(jax.tree.map(lambda leaf, step=step: leaf[step], path()), DOSAGES)
        axes[0].plot(DOSAGES, squiggle, color=nn.plots.COLOURS[number], linewidth=2, label=f"after {step} steps")
    axes[0].plot(DOSAGE, EFFICACY, "o", color="black", label="data")
    axes[0].set(xlabel="dosage (0 to 1)", ylabel="efficacy (0 none, 1 full)")
    for number, (name, values) in enumerate(zip(NAMES, jax.vmap(seven)(path())[:, 4:].T, strict=True)):
        axes[1].plot(values, color=nn.plots.COLOURS[number], linewidth=2, label=name)
    axes[1].set(xlabel="step (0 is the start)", ylabel="value of the parameter", xscale="symlog")
    for panel in axes:
        panel.legend(fontsize="small")
        panel.grid(alpha=0.3)
    caption = "The squiggle and the three parameters while they are learned together, learning rate 0.1."
    return Picture(common.save(drawing, "notes", "part03_path"), caption)


def draw_starts_and_slopes() -> Picture:
    drawing, (axes,) = nn.plots.figure(1, 2, size=(5, 3.8))
    weights = np.linspace(-3, 3, 61, dtype=np.float32)
    over_w3 = jax.vmap(slope_of_b3, (0, None))(weights, 0.63)
    over_w4 = jax.vmap(slope_of_b3, (None, 0))(0.36, weights)
    axes[0].plot(weights, over_w3, color=nn.plots.COLOURS[0], linewidth=2, label="against w3, with w4 = 0.63")
    axes[0].plot(weights, over_w4, color=nn.plots.COLOURS[1], linewidth=2, label="against w4, with w3 = 0.36")
    axes[0].set(xlabel="w3 or w4", ylabel="dSSR/db3 at b3 = 0")
    starts = jax.jit(jax.vmap(descend))(draw_last_layers(jax.random.key(0), 8))
    lines = jax.vmap(jax.vmap(seven))(starts)
    axes[1].plot(lines[:, :, 4].T, lines[:, :, 5].T, color=nn.plots.COLOURS[5], linewidth=1.2)
    axes[1].plot(lines[:, 0, 4], lines[:, 0, 5], "o", color=nn.plots.COLOURS[0], label="drawn from a standard normal")
    axes[1].plot(*lines[0, -1, 4:6], "*", color="black", markersize=14, label="after 2000 steps")
    axes[1].set(xlabel="w3", ylabel="w4")
    for panel in axes:
        panel.legend(fontsize="small")
        panel.grid(alpha=0.3)
    caption = (
        "The slope for b3 changes with the weights (left); eight random starts all lead to the same point (right)."
    )
    return Picture(common.save(drawing, "notes", "part03_starts"), caption)


PART = Part("details1", __doc__, figures, draw, (recipe, descend))

if __name__ == "__main__":
    tell(PART)
