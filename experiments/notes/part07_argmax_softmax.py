"""ArgMax and SoftMax

Raw outputs can be any numbers. ArgMax replaces the largest by 1 and the others by 0. That is easy to read but useless
for training: changing a raw output changes nothing until it overtakes another one, so the derivative is 0, or undefined
at the jump. SoftMax keeps the order, maps all outputs to numbers between 0 and 1 that sum to 1, and has a slope
everywhere, so networks are trained with it. Its "probabilities" should not be trusted too much: the same network from
another random start, with the same data, gives different ones.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments.notes import flowers
from experiments.notes.story import Config, Part, Picture, finish, run_part

FLOWER = jnp.array([[0.0, 1.0]])  # a narrow petal, a wide sepal
SHOWN_RAW, SHOWN_RAW_2 = jnp.array([1.43, -0.4, 0.23]), jnp.array([1.4, -1.1, 0.68])


def raw_outputs(params: flowers.Params) -> jax.Array:
    return flowers.NETWORK.apply(params, FLOWER)[0]


def one_hot_argmax(raw: jax.Array) -> jax.Array:
    """Returns 1 for the largest raw output and 0 for the others."""
    return jax.nn.one_hot(nn.argmax(raw), raw.shape[-1])


def softmax_slopes(raw: jax.Array) -> jax.Array:
    """dp_i/draw_i = p_i · (1 - p_i), dp_i/draw_j = -p_i · p_j: the Jacobian derived by hand."""
    p = nn.softmax(raw)
    return jnp.diag(p) - jnp.outer(p, p)


@functools.cache
def learn(last: Callable[[jax.Array], jax.Array], epochs: int = 300) -> tuple[flowers.Params, nn.FitResult]:
    """Trains with ArgMax or SoftMax after the outputs; returns the initial parameters and the result of `fit`."""
    x, species = flowers.load_flowers()
    model = nn.Model(flowers.NETWORK.init, lambda params, x, *, key=None: last(flowers.NETWORK.apply(params, x)))
    recipe = nn.Recipe(model, nn.squared_error, optax.sgd(0.5))
    start = model.init(jax.random.key(4))
    data = x, jax.nn.one_hot(species, 3)
    return start, nn.fit(recipe, data, key=jax.random.key(0), epochs=epochs, params=start)


def largest_change(start: Any, fitted: nn.FitResult) -> jax.Array:
    """Returns the largest absolute change of a parameter."""
    changes = jax.tree.map(lambda before, after: jnp.abs(after - before).max(), start, fitted.params)
    return jnp.stack(jax.tree.leaves(changes)).max()


def figures() -> dict[str, Any]:
    raw, second = raw_outputs(flowers.PARAMS), raw_outputs(flowers.OTHER_PARAMS)
    slopes = jax.jacobian(nn.softmax)(raw)
    return {
        "raw outputs at petal 0, sepal 1": raw,
        "argmax output": one_hot_argmax(raw),
        "softmax": nn.softmax(raw),
        "softmax of the displayed raw values (1.43,-0.4,0.23)": nn.softmax(SHOWN_RAW),
        "d p_setosa / d raw (setosa, versicolor, virginica)": slopes[0],
        "full softmax Jacobian (exact weights)": slopes,
        "second net raw outputs at petal 0, sepal 1": second,
        "second net softmax of the displayed raw values": nn.softmax(SHOWN_RAW_2),
        "second net softmax from displayed weights": nn.softmax(second),
        "sum of the softmax outputs": nn.softmax(raw).sum(),
        "full softmax Jacobian, by hand": softmax_slopes(raw),
        "full argmax Jacobian": jax.jacobian(one_hot_argmax)(raw),
        "largest change of a parameter in 300 epochs: with argmax, with softmax": [
            largest_change(*learn(last)) for last in (one_hot_argmax, nn.softmax)
        ],
    }


def draw(_: Config) -> list[Picture]:
    first = flowers.draw_network("part07_network", flowers.PARAMS, "The network of part 6.")
    caption = "The same network from another random start: other weights that fit the same flowers."
    return [first, flowers.draw_network("part07_second", flowers.OTHER_PARAMS, caption), draw_bars(), draw_slopes()]


def draw_bars() -> Picture:
    drawing, axes = nn.plots.figure(2, 3, size=(3.33, 2.7))
    for row, (name, params) in enumerate({"first": flowers.PARAMS, "second": flowers.OTHER_PARAMS}.items()):
        raw = raw_outputs(params)
        kinds = zip(axes[row], ("raw", "ArgMax", "SoftMax"), (None, one_hot_argmax, nn.softmax), strict=True)
        for panel, kind, last in kinds:
            heights = np.asarray(raw if last is None else last(raw))
            bars = panel.bar(flowers.SPECIES, heights, color=nn.plots.COLOURS[:3])
            panel.bar_label(bars, fmt="{:.2f}", padding=2, fontsize="small")
            panel.set(title=f"{name} network: {kind}", ylabel="output", ylim=(-1.4, 1.9) if last is None else (0, 1.2))
            panel.axhline(0, color="black", linewidth=0.8)
            panel.tick_params("x", labelsize="small")
    caption = "Raw outputs, ArgMax and SoftMax for petal width 0 and sepal width 1, for both networks."
    return finish(drawing, "part07_outputs", caption)


def draw_slopes() -> Picture:
    raw = raw_outputs(flowers.PARAMS)
    setosa = np.linspace(-1, 1.6, 261, dtype=np.float32)
    drawing, (axes,) = nn.plots.figure(1, 2, size=(5.0, 3.8))
    for colour, (name, last) in enumerate({"ArgMax": one_hot_argmax, "SoftMax": nn.softmax}.items()):
        style = {"color": nn.plots.COLOURS[4 - 4 * colour], "linewidth": 2.5, "label": name}
        axes[0].plot(setosa, jax.vmap(lambda value, last=last: last(raw.at[0].set(value))[0])(setosa), **style)
        axes[1].plot(learn(last)[1].losses, **style)
    axes[0].axvline(float(raw[2]), color="black", linestyle=":", label=f"second largest: {float(raw[2]):.2f}")
    axes[0].set(xlabel="raw output for setosa", ylabel="output for setosa (0 to 1)")
    axes[1].set(xlabel="epoch", ylabel="squared residuals (mean over the irises)", ylim=(0, None))
    caption = "ArgMax is flat except for its jump (left), so training with it changes nothing (right)."
    return finish(drawing, "part07_slopes", caption)


PART = Part("part5", __doc__, figures, draw, (one_hot_argmax, learn))

if __name__ == "__main__":
    run_part(PART)
