"""Backpropagation, the main ideas

Six of the seven numbers are known and the last bias, b3, starts at 0. The sum of squared residuals (SSR) says how badly
the squiggle fits; as a function of b3 it is a bowl. The chain rule gives its slope, -2 times the sum of the residuals,
and gradient descent walks down: step size = slope × learning rate, new b3 = old b3 minus the step size. (The notes
write plus in one place; with plus, the slope of -15.7 would push b3 the wrong way.) The steps shrink with the slope,
and the training ends by itself when one is close to 0.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments.notes import dosage
from experiments.notes.story import Config, Part, Picture, finish, tell, watch

PARAMS = dosage.params(**dosage.FOUND | {"b3": 0.0})
LEARNING_RATE = 0.1


def recipe() -> nn.Recipe:
    """Gradient descent on the SSR that leaves everything but b3 as it is."""
    frozen = {"hidden_1": True, "output": PARAMS["output"]._replace(weight=True, bias=False)}
    optimizer = optax.selective_transform(optax.sgd(LEARNING_RATE), freeze_mask=frozen)
    return nn.Recipe(dosage.NETWORK, nn.squared_residuals, optimizer, reduction=jnp.sum)


def find_b3(tolerance: float) -> nn.Fit:
    """Walk down from b3 = 0 until a step is smaller than the tolerance."""
    stop = nn.small_step(tolerance)
    return nn.fit(recipe(), dosage.DATA, key=jax.random.key(0), epochs=100, params=PARAMS, stop=stop)


def with_b3(b3: Any) -> dosage.Params:
    return PARAMS | {"output": PARAMS["output"]._replace(bias=jnp.reshape(b3, 1))}


def ssr(b3: Any) -> Any:
    return dosage.ssr(with_b3(b3))


def slope_by_chain_rule(b3: Any) -> Any:
    """dSSR/db3 = Σ dSSR/dpredicted · dpredicted/db3 = Σ -2 · (observed - predicted) · 1."""
    return jnp.sum(-2 * (dosage.EFFICACY[:, 0] - dosage.predict(with_b3(b3))))


def slope_by_differences(b3: Any, nearby: float = 0.1) -> Any:
    """The slope of a chord, which on a parabola is that of the tangent between its ends."""
    return (ssr(b3 + nearby) - ssr(b3 - nearby)) / (2 * nearby)


@functools.cache
def path() -> np.ndarray:
    """A row for the start and each of 20 steps: b3, the SSR, and its slope by grad, the chain rule and differences."""
    b3 = watch(recipe(), dosage.DATA, PARAMS, steps=20)["output"].bias[:, 0]
    slopes = (jax.grad(ssr), slope_by_chain_rule, slope_by_differences)
    return np.stack([b3, *(np.asarray(jax.jit(jax.vmap(function))(b3)) for function in (ssr, *slopes))], axis=1)


def figures() -> dict[str, Any]:
    b3, losses, slopes, by_chain_rule, by_differences = path().T
    predictions = {b: dosage.predict(with_b3(b)) for b in (0.0, 3.0, b3[1], 2.61)}
    stops = {tolerance: find_b3(tolerance) for tolerance in (0.01, 0.001)}
    return {
        "predictions at b3=0": predictions[0.0],
        **{f"SSR at b3={b}": ssr(float(b)) for b in (0, 1, 2, 3, 2.61)},
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
        "SSR at exact minimum": losses[-1],
        **{
            f"updates until a step is below {tolerance}, and b3": [stop.epochs, stop.params["output"].bias[0]]
            for tolerance, stop in stops.items()
        },
        "slopes at steps 1..10, by the chain rule's formula": by_chain_rule[:10],
        "slopes at steps 1..10, by finite differences": by_differences[:10],
    }


def draw(_: Config) -> list[Picture]:
    network = dosage.draw_network("part02_network", with_b3(jnp.nan), "Six numbers are known, b3 is not.")
    b3, losses, slopes = path()[:8, :3].T
    drawing, (axes,) = nn.plots.figure(1, 2, size=(5.0, 4.0))
    dosage.draw_squiggles(axes[0], {f"b3 = {value:.2f}": with_b3(value) for value in b3[[0, 1, 2, 7]]})
    bowl = np.linspace(-0.3, 4.3, 101, dtype=np.float32)
    axes[1].plot(bowl, jax.vmap(ssr)(bowl), color=nn.plots.COLOURS[3], linewidth=2.5, label="SSR")
    nn.plots.tangents(axes[1], b3, losses, slopes, reach=0.45)
    axes[1].set(xlabel="b3", ylabel="SSR (squared units of efficacy)", ylim=(-1.5, 24))
    caption = "The squiggle rises with b3 (left) while the SSR goes down its bowl, a tangent at each step (right)."
    return [network, finish(drawing, "part02_descent", caption)]


PART = Part("part2", __doc__, figures, draw, (recipe, find_b3))

if __name__ == "__main__":
    tell(PART)
