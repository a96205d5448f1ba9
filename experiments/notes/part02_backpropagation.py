"""Backpropagation, the main ideas

Six of the seven numbers are known and the last bias, b3, starts at 0. The sum of squared residuals (SSR) says how badly
the squiggle fits; as a function of b3 it is a bowl. The chain rule gives its slope, -2 times the sum of the residuals,
and gradient descent walks down: step size = slope × learning rate, new b3 = old b3 minus the step size. (The notes
write plus in one place; with plus, the slope of -15.7 would push b3 the wrong way.) The steps shrink with the slope, and
the training ends by itself when one is close to 0.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments import common
from experiments.notes.networks import DOSAGE, DOSAGE_NETWORK, DOSAGES, EFFICACY, FOUND, dosage_params, ssr, watch
from experiments.notes.story import Config, Part, Picture, tell

PARAMS = dosage_params(**FOUND | {"b3": 0.0})
LEARNING_RATE = 0.1


def with_b3(b3: Any) -> dict[str, nn.Affine]:
    return PARAMS | {"output": PARAMS["output"]._replace(bias=jnp.reshape(b3, 1))}


def recipe() -> nn.Recipe:
    """Gradient descent on the SSR that leaves everything but b3 as it is."""
    frozen = jax.tree.map(lambda _: True, PARAMS)
    frozen["output"] = frozen["output"]._replace(bias=False)
    optimizer = optax.selective_transform(optax.sgd(LEARNING_RATE), freeze_mask=frozen)
    return nn.Recipe(DOSAGE_NETWORK, nn.squared_residuals, optimizer, reduction=jnp.sum)


def find_b3(tolerance: float = 1e-3) -> nn.Fit:
    """Walk down from b3 = 0 until a step is smaller than the tolerance."""
    data = DOSAGE, EFFICACY
    return nn.fit(recipe(), data, key=jax.random.key(0), epochs=100, params=PARAMS, stop=nn.small_step(tolerance))


@functools.cache
def path() -> tuple[np.ndarray, ...]:
    """b3 before each of 21 steps, with the SSR and its slope there, by jax.grad."""
    b3 = jax.jit(lambda: watch(recipe(), (DOSAGE, EFFICACY), PARAMS, steps=20)["output"].bias[:, 0])()
    return np.asarray(b3), *map(np.asarray, ssr_and_slope(b3))


ssr_and_slope = jax.jit(jax.vmap(jax.value_and_grad(lambda b3: ssr(with_b3(b3)))))


def slope_by_hand(b3: Any) -> Any:
    """dSSR/db3 = Σ dSSR/dpredicted · dpredicted/db3 = Σ -2 · (observed - predicted) · 1."""
    return jnp.sum(-2 * (EFFICACY - DOSAGE_NETWORK.apply(with_b3(b3), DOSAGE)))


def slope_by_differences(b3: float, nearby: float = 0.01) -> Any:
    """(SSR(b3 + nearby) - SSR(b3 - nearby)) / (2 · nearby), exact for a parabola but for rounding."""
    return (ssr(with_b3(b3 + nearby)) - ssr(with_b3(b3 - nearby))) / (2 * nearby)


def figures() -> dict[str, Any]:
    b3, _, slopes = path()
    bowl, _ = ssr_and_slope(jnp.array([0.0, 1.0, 2.0, 3.0, 2.61, b3[-1]]))
    stops = {tolerance: find_b3(tolerance) for tolerance in (0.01, 0.001)}
    predictions = {b: DOSAGE_NETWORK.apply(with_b3(b), DOSAGE)[:, 0] for b in (0.0, 3.0, b3[1], 2.61)}
    return {
        "predictions at b3=0": predictions[0.0],
        **{f"SSR at b3={b}": bowl[b] for b in range(4)},
        "predictions at b3=3": predictions[3.0],
        "slope at b3=0": slopes[0],
        "step size 1": LEARNING_RATE * slopes[0],
        "new b3 after step 1": b3[1],
        "predictions shown at b3=1.57": predictions[b3[1]],
        "slope after step 1": slopes[1],
        "step size 2": LEARNING_RATE * slopes[1],
        "new b3 after step 2": b3[2],
        "predictions at b3=2.61": predictions[2.61],
        "optimal b3": b3[-1],
        "b3 after 1..10 steps (lr 0.1)": b3[1:11],
        "slopes at steps 1..10": slopes[:10],
        "SSR at exact minimum": bowl[5],
        "SSR at b3=2.61": bowl[4],
        **{
            f"updates until a step is below {tolerance}, and b3": [stop.epochs, stop.params["output"].bias[0]]
            for tolerance, stop in stops.items()
        },
        "slope at b3=0, by the chain rule": slope_by_hand(0.0),
        "slope at b3=0, by differences": slope_by_differences(0.0),
    }


def draw(_: Config) -> list[Picture]:
    return [draw_network(), draw_descent()]


def draw_network() -> Picture:
    drawing, axes = nn.plots.figure(size=(10, 2.8))
    names = {"inputs": ["dosage\n(0 to 1)"], "outputs": ["efficacy\n(0 to 1)"]}
    nn.plots.network(axes[0, 0], [*with_b3(jnp.nan).values()], **names, activation=nn.softplus)
    return Picture(common.save(drawing, "notes", "part02_network"), "Six numbers are known, b3 is not.")


def draw_descent() -> Picture:
    b3, losses, slopes = (values[:8] for values in path())
    drawing, (axes,) = nn.plots.figure(1, 2, size=(5, 4))
    for number, value in enumerate(b3[[0, 1, 2, 7]]):
        squiggle = DOSAGE_NETWORK.apply(with_b3(value), DOSAGES)
        axes[0].plot(DOSAGES, squiggle, color=nn.plots.COLOURS[number], label=f"b3 = {value:.2f}", linewidth=2)
    axes[0].plot(DOSAGE, EFFICACY, "o", color="black", label="data")
    axes[0].set(xlabel="dosage (0 to 1)", ylabel="efficacy (0 none, 1 full)")
    bowl = np.linspace(-0.3, 4.3, 101, dtype=np.float32)
    axes[1].plot(bowl, ssr_and_slope(bowl)[0], color=nn.plots.COLOURS[3], linewidth=2.5, label="SSR")
    nn.plots.tangents(axes[1], b3, losses, slopes, reach=0.45)
    axes[1].set(xlabel="b3", ylabel="SSR (squared units of efficacy)", ylim=(-1.5, 24))
    for panel in axes:
        panel.legend(fontsize="small")
        panel.grid(alpha=0.3)
    caption = (
        "The squiggle rises with b3 (left) while the SSR slides down its bowl, with the tangent at each step (right)."
    )
    return Picture(common.save(drawing, "notes", "part02_descent"), caption)


PART = Part("part2", __doc__, figures, draw, (recipe, find_b3))

if __name__ == "__main__":
    tell(PART)
