"""Backpropagation, details 2: all seven parameters

Every weight and every bias is learned. The chain rule reaches the first layer through one more link, the slope of
softplus. With a learning rate of 0.01 the squiggle lies still for thousands of steps, then finds the data, and after
20,000 steps all seven numbers are those that part 2 started from. With 0.1 the very first step overshoots: the SSR more
than doubles, and the descent ends in another solution that fits just as well, after about 450 steps.
"""

import functools
from typing import Any

import jax
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
    SEVEN,
    Params,
    dosage_params,
    seven,
    ssr,
    watch,
)
from experiments.notes.story import Config, Part, Picture, tell

PARAMS = dosage_params(w1=2.74, b1=0.0, w2=-1.13, b2=0.0, w3=0.36, w4=0.63, b3=0.0)
DATA = DOSAGE, EFFICACY
LEARNING_RATES = np.array([0.1, 0.01], np.float32)
STEPS = 20_000
TRACED = {0.1: [1, 2, 10, 100, 300, 400, 450, 475, 500], 0.01: [1, 10, 100, 1000, 2000, 5000, 6000, 7000, 8000, 10000]}


def recipe(learning_rate: Any) -> nn.Recipe:
    return nn.Recipe(DOSAGE_NETWORK, nn.squared_residuals, optax.sgd(learning_rate), reduction=jnp.sum)


def learn(learning_rate: Any) -> Params:
    """20,000 steps of gradient descent from the notes' start; one compiled loop."""
    return nn.fit(recipe(learning_rate), DATA, key=jax.random.key(0), epochs=STEPS, params=PARAMS).params


@functools.cache
def learned() -> Params:
    """What both learning rates end with, side by side in one program."""
    return jax.jit(jax.vmap(learn))(LEARNING_RATES)


@functools.cache
def paths() -> Params:
    """What both learning rates go through: axes for the learning rate and the step."""
    return jax.jit(jax.vmap(lambda rate: watch(recipe(rate), DATA, PARAMS, steps=STEPS)))(LEARNING_RATES)


@functools.cache
def numbers() -> np.ndarray:
    """The seven parameters and the SSR along both paths: shape (2, steps + 1, 8)."""
    every = jax.jit(jax.vmap(jax.vmap(lambda params: jnp.append(seven(params), ssr(params)))))
    return np.asarray(every(paths()))


def figures() -> dict[str, Any]:
    slopes = seven(jax.grad(ssr)(PARAMS))
    fast, slow = numbers()
    ends = jax.vmap(seven)(learned())
    traced = f"{', '.join(SEVEN)}, SSR after {{}} steps, lr {{}}"
    return {
        **{f"dSSR/d{name} at start": slope for name, slope in zip(SEVEN, slopes, strict=True)},
        "predictions at start": DOSAGE_NETWORK.apply(PARAMS, DOSAGE)[:, 0],
        "x1 at 0, 0.5, 1": nn.dense(PARAMS["hidden_1"], DOSAGE)[:, 0],
        "SSR at start": ssr(PARAMS),
        "w1,b1,w2,b2,w3,w4,b3 after step 1, lr 0.1": fast[1, :7],
        "SSR after step 1, lr 0.1": fast[1, 7],
        "parameters after step 1, lr 0.01": slow[1, :7],
        "SSR after step 1, lr 0.01": slow[1, 7],
        "final w1,b1,w2,b2,w3,w4,b3 (small learning rate)": ends[1],
        traced.format(", ".join(map(str, TRACED[0.1])), 0.1): fast[np.array(TRACED[0.1])],
        traced.format(", ".join(map(str, TRACED[0.01])), 0.01): slow[np.array(TRACED[0.01])],
        "final w1,b1,w2,b2,w3,w4,b3, lr 0.1": ends[0],
        "final w1,b1,w2,b2,w3,w4,b3, lr 0.01": ends[1],
    }


def draw(_: Config) -> list[Picture]:
    drawing, axes = nn.plots.figure(size=(10, 2.8))
    names = {"inputs": ["dosage\n(0 to 1)"], "outputs": ["efficacy\n(0 to 1)"]}
    nn.plots.network(axes[0, 0], [*PARAMS.values()], **names, activation=nn.softplus)
    start = Picture(common.save(drawing, "notes", "part04_network"), "The start: weights drawn at random, biases 0.")
    return [start, draw_descent(), draw_animation()]


def draw_descent() -> Picture:
    drawing, (axes,) = nn.plots.figure(1, 2, size=(5, 4))
    fast, slow = numbers()
    for colour, rate, path in ((4, 0.1, fast), (0, 0.01, slow)):
        axes[0].plot(path[:, 7], color=nn.plots.COLOURS[colour], linewidth=2, label=f"learning rate {rate}")
    axes[0].set(xlabel="step (0 is the start)", ylabel="SSR (squared units of efficacy)", xscale="symlog", yscale="log")
    axes[0].set_ylim(1e-6, 20)
    for number, name in enumerate(SEVEN):
        colour = (*nn.plots.COLOURS[:6], "#000000")[number]
        axes[1].plot(slow[:, number], color=colour, linewidth=2)
        axes[1].annotate(name, (STEPS, slow[-1, number]), (4, 0), textcoords="offset points", color=colour, va="center")
    axes[1].set(
        xlabel="step (0 is the start)", ylabel="value of the parameter, learning rate 0.01", xlim=(0, STEPS * 1.1)
    )
    axes[0].legend(fontsize="small")
    for panel in axes:
        panel.grid(alpha=0.3)
    caption = "The SSR at both learning rates: 0.1 overshoots at once (left); the seven parameters at 0.01 (right)."
    return Picture(common.save(drawing, "notes", "part04_descent"), caption)


def draw_animation() -> Picture:
    """The squiggle while it fits: frames are close where it moves."""
    moments = np.unique(np.concatenate([np.geomspace(1, 1000, 12), np.linspace(1000, 8000, 43), [STEPS]]).astype(int))
    params = jax.tree.map(lambda leaf: leaf[1, moments], paths())
    squiggles = np.asarray(jax.vmap(DOSAGE_NETWORK.apply, (0, None))(params, DOSAGES))
    drawing, ((axes,),) = nn.plots.figure(size=(8, 4))
    (line,) = axes.plot(DOSAGES, squiggles[0], color=nn.plots.COLOURS[2], linewidth=3)
    axes.plot(DOSAGE, EFFICACY, "o", color="black", markersize=9)
    axes.set(xlabel="dosage (0 to 1)", ylabel="efficacy (0 none, 1 full)", ylim=(-0.5, 1.4), title="0")

    def show(frame: int) -> None:
        line.set_ydata(squiggles[frame])
        axes.set_title(f"after {moments[frame]:,} steps, SSR {numbers()[1, moments[frame], 7]:.5f}")

    path = common.RUNS / "notes" / "part04_squiggle.gif"
    caption = "The squiggle while all seven parameters are learned, learning rate 0.01."
    return Picture(nn.plots.animation(drawing, show, range(len(moments)), path), caption)


PART = Part("details2", __doc__, figures, draw, (recipe, learn, learned))

if __name__ == "__main__":
    tell(PART)
