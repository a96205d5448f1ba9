"""Backpropagation, details 2: all seven parameters

Every weight and every bias is learned. For the first layer the chain rule has one more factor, the slope of softplus.
With a learning rate of 0.01 the squiggle hardly changes for thousands of steps, then approaches the data. After 20,000
steps all seven numbers are those that part 2 started from. With 0.1 the very first step overshoots: the SSR more than
doubles, and the descent ends, after about 450 steps, in another solution that fits just as well.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments import common
from experiments.notes import dosage
from experiments.notes.story import Config, Part, Picture, finish, record_path, run_part

PARAMS = dosage.make_params(w1=2.74, b1=0.0, w2=-1.13, b2=0.0, w3=0.36, w4=0.63, b3=0.0)
LEARNING_RATES = np.array([0.1, 0.01], np.float32)
STEPS = 20_000
COLOURS = (*nn.plots.COLOURS[:6], "#000000")
TRACED = ([1, 2, 10, 100, 300, 400, 450, 475, 500], [1, 10, 100, 1000, 2000, 5000, 6000, 7000, 8000, 10000])


def make_recipe(learning_rate: Any) -> nn.Recipe:
    return nn.Recipe(dosage.NETWORK, nn.squared_error, optax.sgd(learning_rate), reduction=jnp.sum)


def learn(learning_rate: Any) -> dosage.Params:
    """Takes 20,000 steps of gradient descent from the start of the notes, in one compiled loop."""
    key = jax.random.key(0)
    return nn.fit(make_recipe(learning_rate), dosage.DATA, key=key, epochs=STEPS, params=PARAMS).params


def learn_both() -> jax.Array:
    """Returns the seven learned parameters for both learning rates, trained by one program."""
    return jax.jit(jax.vmap(lambda rate: dosage.flatten_params(learn(rate))))(LEARNING_RATES)


@functools.cache
def compute_paths() -> tuple[dosage.Params, np.ndarray]:
    """Returns, for both rates and after each step, all parameters, and the seven with the SSR: (2, STEPS + 1, 8)."""

    def descend(learning_rate: Any) -> tuple[dosage.Params, jax.Array]:
        path = record_path(make_recipe(learning_rate), dosage.DATA, PARAMS, steps=STEPS)
        return path, jnp.column_stack([jax.vmap(dosage.flatten_params)(path), jax.vmap(dosage.ssr)(path)])

    return jax.tree.map(np.asarray, jax.jit(jax.vmap(descend))(LEARNING_RATES))


def figures() -> dict[str, Any]:
    slopes = jax.jit(lambda params: dosage.flatten_params(jax.grad(dosage.ssr)(params)))(PARAMS)
    fast, slow = compute_paths()[1]
    learned = learn_both()
    traces = zip((0.1, 0.01), TRACED, (fast, slow), strict=True)
    return {
        **{f"dSSR/d{name} at start": slope for name, slope in zip(dosage.NAMES, slopes, strict=True)},
        "predictions at start": dosage.predict(PARAMS),
        "x1 at 0, 0.5, 1": nn.dense(PARAMS["hidden_1"], dosage.DOSAGES)[:, 0],
        "SSR at start": dosage.ssr(PARAMS),
        "w1,b1,w2,b2,w3,w4,b3 after step 1, lr 0.1": fast[1, :7],
        "SSR after step 1, lr 0.1": fast[1, 7],
        "parameters after step 1, lr 0.01": slow[1, :7],
        "SSR after step 1, lr 0.01": slow[1, 7],
        "final w1,b1,w2,b2,w3,w4,b3 (small learning rate)": learned[1],
        **{
            f"{', '.join(dosage.NAMES)}, SSR after {', '.join(map(str, steps))} steps, lr {rate}": path[np.array(steps)]
            for rate, steps, path in traces
        },
        "final w1,b1,w2,b2,w3,w4,b3, lr 0.1": learned[0],
        "final w1,b1,w2,b2,w3,w4,b3, lr 0.01": learned[1],
    }


def draw(_: Config) -> list[Picture]:
    start = dosage.draw_network("part04_network", PARAMS, "The start: weights drawn at random, biases 0.")
    return [start, draw_descent(), draw_animation()]


def draw_descent() -> Picture:
    drawing, (axes,) = nn.plots.figure(1, 2, size=(5.0, 4.0))
    fast, slow = compute_paths()[1]
    for colour, rate, path in ((4, 0.1, fast), (0, 0.01, slow)):
        axes[0].plot(path[:, 7], color=nn.plots.COLOURS[colour], linewidth=2, label=f"learning rate {rate}")
    axes[0].set(xlabel="step (0 is the start)", ylabel="SSR (squared units of efficacy)", xscale="symlog", yscale="log")
    axes[0].set_ylim(1e-6, 20)
    for number, name in enumerate(dosage.NAMES):
        style = {"color": COLOURS[number], "linestyle": "-" if number % 2 else "--"}
        axes[1].plot(np.arange(STEPS + 1) / 1000, slow[:, number], **style, linewidth=2, label=name)
    axes[1].set(xlabel="thousands of steps", ylabel="value of the parameter", xlim=(0, 12), ylim=(-4, 5.2))
    axes[1].legend(fontsize="small", ncols=4, loc="upper center")
    caption = "The SSR for both learning rates: 0.1 overshoots at once (left); the seven parameters for 0.01 (right)."
    return finish(drawing, "part04_descent", caption)


def draw_animation() -> Picture:
    """Draws the squiggle during training, with most frames where it changes fastest."""
    moments = np.unique(np.concatenate([np.geomspace(1, 1000, 6), np.linspace(1000, 8000, 29), [STEPS]]).astype(int))
    params = jax.tree.map(lambda leaf: leaf[1, moments], compute_paths()[0])
    squiggles = np.asarray(jax.vmap(dosage.predict, (0, None))(params, dosage.GRID))
    drawing, ((axes,),) = nn.plots.figure(size=(8.0, 4.0))
    dosage.draw_squiggles(axes, {})
    (line,) = axes.plot(dosage.GRID, squiggles[0], color=nn.plots.COLOURS[2], linewidth=3)
    axes.set(ylim=(-0.5, 1.4), title="start")
    axes.grid(alpha=0.3)

    def show(frame: int) -> None:
        line.set_ydata(squiggles[frame])
        axes.set_title(f"after {moments[frame]:,} steps: SSR {compute_paths()[1][1, moments[frame], 7]:.5f}")

    path = common.RUNS / "notes" / "part04_squiggle.gif"
    nn.plots.animation(drawing, show, range(len(moments)), path)
    return Picture(path, "The squiggle while all seven parameters are learned, learning rate 0.01.")


PART = Part("details2", __doc__, figures, draw, (make_recipe, learn, learn_both))

if __name__ == "__main__":
    run_part(PART)
