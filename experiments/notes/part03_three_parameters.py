"""Backpropagation, details 1: three parameters at once

Now the whole last layer is unknown. Its weights w3 and w4 are drawn from a standard normal distribution, here 0.36 and
0.63, and its bias b3 starts at 0. Each of the three has a derivative of the same SSR, all are taken at the same point,
and all three parameters change together. The formula for dSSR/db3 is that of part 2 and contains neither weight. But
the predictions in it depend on both weights, so its value changes with them. On the way b3 even reverses its direction,
because the weights have changed.
"""

import functools
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments.notes import dosage
from experiments.notes.story import Config, Part, Picture, finish, record_path, run_part

PARAMS = dosage.make_params(**dosage.LEARNED | {"w3": 0.36, "w4": 0.63, "b3": 0.0})
NAMES = dosage.NAMES[4:]
TRACED = np.array([1, 2, 3, 10, 50, 100, 200, 300, 400, 500, 1000])


def make_recipe(learning_rate: Any = 0.1) -> nn.Recipe:
    """Returns a recipe for gradient descent on the SSR that leaves the hidden layer unchanged."""
    optimizer = optax.selective_transform(optax.sgd(learning_rate), freeze_mask={"hidden_1": True, "output": False})
    return nn.Recipe(dosage.NETWORK, nn.squared_error, optimizer, reduction=jnp.sum)


def make_starts(key: jax.Array, count: int) -> nn.Affine:
    """Returns the last layer of the notes and `count` random ones: w3 and w4 standard normal, b3 = 0."""
    init = functools.partial(nn.init_dense, inputs=2, outputs=1, initializer=nn.initializers.standard_normal)
    others = jax.vmap(init)(jax.random.split(key, count))
    return jax.tree.map(lambda notes, rest: jnp.concatenate([notes[None], rest]), PARAMS["output"], others)


@functools.cache
def compute_paths() -> tuple[dosage.Params, np.ndarray]:
    """Takes 2,000 steps from each start; returns all parameters, and w3, w4, b3, SSR of shape (9, 2001, 4)."""

    def descend(output: nn.Affine) -> tuple[dosage.Params, jax.Array]:
        path = record_path(make_recipe(), dosage.DATA, PARAMS | {"output": output}, steps=2000)
        return path, jnp.column_stack([jax.vmap(dosage.flatten_params)(path)[:, 4:], jax.vmap(dosage.ssr)(path)])

    return jax.tree.map(np.asarray, jax.jit(jax.vmap(descend))(make_starts(jax.random.key(0), 8)))


@jax.jit
@jnp.vectorize
def slope_of_b3(w3: Any, w4: Any) -> Any:
    """Returns dSSR/db3 at b3 = 0 for other weights."""
    return jax.grad(lambda b3: dosage.ssr(dosage.make_params(**dosage.LEARNED | {"w3": w3, "w4": w4, "b3": b3})))(0.0)


@jax.jit
def largest_learning_rate() -> jax.Array:
    """Returns 2 / the largest eigenvalue of the SSR's Hessian in w3, w4 and b3; larger rates diverge."""
    flat, unravel = jax.flatten_util.ravel_pytree(PARAMS["output"])
    return 2 / jnp.linalg.eigvalsh(jax.hessian(lambda flat: dosage.ssr(PARAMS | {"output": unravel(flat)}))(flat))[-1]


def figures() -> dict[str, Any]:
    x = nn.dense(PARAMS["hidden_1"], dosage.DOSAGES)
    y = nn.softplus(x)
    predictions = dosage.predict(PARAMS)
    slopes = jax.jit(lambda params: dosage.flatten_params(jax.grad(dosage.ssr)(params)))(PARAMS)[4:]
    slow = nn.fit(make_recipe(0.01), dosage.DATA, key=jax.random.key(0), epochs=1, params=PARAMS)
    numbers = compute_paths()[1][0]
    return {
        "SSR at start": dosage.ssr(PARAMS),
        **{f"dSSR/d{name} at start": slope for name, slope in zip(NAMES, slopes, strict=True)},
        **{"x1 at 0, 0.5, 1": x[:, 0], "y1": y[:, 0], "x2": x[:, 1], "y2": y[:, 1]},
        "predictions at start": predictions,
        "residuals at start": dosage.EFFICACY[:, 0] - predictions,
        "step sizes w3,w4,b3 (lr 0.1)": numbers[0, :3] - numbers[1, :3],
        "new w3,w4,b3 after step 1 (lr 0.1)": numbers[1, :3],
        "step-1 values if lr 0.01": dosage.flatten_params(slow.params)[4:],
        "optimal w3,w4,b3": numbers[-1, :3],
        "largest stable learning rate (2/max Hessian eigenvalue)": largest_learning_rate(),
        f"w3, w4, b3, SSR after {', '.join(map(str, TRACED))} steps, lr 0.1": numbers[TRACED],
        "dSSR/db3 at b3=0, but with the final w3 and w4": slope_of_b3(*numbers[-1, :2]),
    }


def draw(_: Config) -> list[Picture]:
    unknown = dosage.make_params(**dosage.LEARNED | dict.fromkeys(NAMES, np.nan))
    network = dosage.draw_network("part03_network", unknown, "The last layer is unknown: w3, w4 and b3.")
    params, numbers = compute_paths()
    drawing, axes = nn.plots.figure(2, 2, size=(5.0, 3.8))
    moments = {"start": 0, "1 step": 1, "10 steps": 10, "100 steps": 100, "2000 steps": 2000}
    squiggles = {name: jax.tree.map(lambda leaf, step=step: leaf[0, step], params) for name, step in moments.items()}
    dosage.draw_squiggles(axes[0, 0], squiggles)
    axes[0, 0].set_ylim(-0.1, 1.5)
    axes[0, 0].legend(fontsize="small", ncols=2, loc="upper center")
    for number, name in enumerate(NAMES):
        axes[0, 1].plot(numbers[0, :, number], color=nn.plots.COLOURS[number], linewidth=2, label=name)
    axes[0, 1].set(xlabel="step (0 is the start)", ylabel="value of the parameter", xscale="symlog")
    draw_slopes(axes[1, 0])
    draw_starts(axes[1, 1], *numbers[1:, :, :2].T)
    caption = (
        "Above, the squiggle and the three parameters while they are learned together, learning rate 0.1. Below, the "
        "slope for b3, which changes with the weights, and eight random starts, which all lead to the same point."
    )
    return [network, finish(drawing, "part03_descent", caption)]


def draw_slopes(axes: Any) -> None:
    weights = np.linspace(-3, 3, 61, dtype=np.float32)
    lines = {"against w3, w4 = 0.63": (weights, 0.63), "against w4, w3 = 0.36": (0.36, weights)}
    for colour, (label, pair) in enumerate(lines.items()):
        axes.plot(weights, slope_of_b3(*pair), color=nn.plots.COLOURS[colour], linewidth=2, label=label)
    axes.set(xlabel="w3 or w4", ylabel="dSSR/db3 at b3 = 0")


def draw_starts(axes: Any, w3: np.ndarray, w4: np.ndarray) -> None:
    axes.plot(w3, w4, color=nn.plots.COLOURS[5], linewidth=1.2)
    axes.plot(w3[0], w4[0], "o", color=nn.plots.COLOURS[0], label="drawn from a standard normal")
    axes.plot(w3[-1, 0], w4[-1, 0], "*", color="black", markersize=14, label="after 2000 steps")
    axes.set(xlabel="w3", ylabel="w4")


PART = Part("details1", __doc__, figures, draw, (make_recipe, make_starts, compute_paths))

if __name__ == "__main__":
    run_part(PART)
