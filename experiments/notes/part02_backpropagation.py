"""Backpropagation, the main ideas

Six of the seven numbers are known, and the last bias, b3, starts at 0. The sum of squared residuals (SSR) measures how
badly the squiggle fits; as a function of b3 it is a parabola. The chain rule gives its slope: -2 times the sum of the
residuals. Gradient descent follows it down: step size = slope × learning rate, new b3 = old b3 minus the step size.
(The notes write plus in one place; with plus, the slope of -15.7 would push b3 the wrong way.) The steps shrink with
the slope, and the training stops when a step is close to 0.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments.notes import dosage
from experiments.notes.story import Config, Part, Picture, finish, record_path, run_part

PARAMS = dosage.make_params(**dosage.LEARNED | {"b3": 0.0})
LEARNING_RATE = 0.1


def make_recipe() -> nn.Recipe:
    """Returns a recipe for gradient descent on the SSR that changes only b3."""
    frozen = {"hidden_1": True, "output": PARAMS["output"]._replace(weight=True, bias=False)}
    optimizer = optax.selective_transform(optax.sgd(LEARNING_RATE), freeze_mask=frozen)
    return nn.Recipe(dosage.NETWORK, nn.squared_error, optimizer, reduction=jnp.sum)


def find_b3(tolerance: float) -> nn.FitResult:
    """Runs gradient descent from b3 = 0 until a step is smaller than the tolerance."""
    stop = nn.small_step(tolerance)
    return nn.fit(make_recipe(), dosage.DATA, key=jax.random.key(0), epochs=100, params=PARAMS, stop=stop)


def with_b3(b3: Any) -> dosage.Params:
    return PARAMS | {"output": PARAMS["output"]._replace(bias=jnp.reshape(b3, 1))}


def ssr(b3: Any) -> Any:
    return dosage.ssr(with_b3(b3))


def slope_by_chain_rule(b3: Any) -> Any:
    """dSSR/db3 = Σ dSSR/dpredicted · dpredicted/db3 = Σ -2 · (observed - predicted) · 1."""
    return jnp.sum(-2 * (dosage.EFFICACY[:, 0] - dosage.predict(with_b3(b3))))


def slope_by_differences(b3: Any, nearby: float = 0.1) -> Any:
    """Returns the central difference quotient, which is exact for a parabola."""
    return (ssr(b3 + nearby) - ssr(b3 - nearby)) / (2 * nearby)


@functools.cache
def compute_path() -> np.ndarray:
    """Takes 20 steps; each row has b3, the SSR, and its slope by grad, by the chain rule and by differences."""
    b3 = record_path(make_recipe(), dosage.DATA, PARAMS, steps=20)["output"].bias[:, 0]
    slopes = (jax.grad(ssr), slope_by_chain_rule, slope_by_differences)
    return np.stack([b3, *(np.asarray(jax.jit(jax.vmap(function))(b3)) for function in (ssr, *slopes))], axis=1)


def figures() -> dict[str, Any]:
    b3, losses, slopes, by_chain_rule, by_differences = compute_path().T
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
    b3, losses, slopes = compute_path()[:8, :3].T
    drawing, (axes,) = nn.plots.figure(1, 2, size=(5.0, 4.0))
    dosage.draw_squiggles(axes[0], {f"b3 = {value:.2f}": with_b3(value) for value in b3[[0, 1, 2, 7]]})
    grid = np.linspace(-0.3, 4.3, 101, dtype=np.float32)
    axes[1].plot(grid, jax.vmap(ssr)(grid), color=nn.plots.COLOURS[3], linewidth=2.5, label="SSR")
    nn.plots.tangents(axes[1], b3, losses, slopes, reach=0.45)
    axes[1].set(xlabel="b3", ylabel="SSR (squared units of efficacy)", ylim=(-1.5, 24))
    caption = "The squiggle rises with b3 (left) while the SSR descends its parabola, a tangent at each step (right)."
    return [network, finish(drawing, "part02_descent", caption)]


PART = Part("part2", __doc__, figures, draw, (make_recipe, find_b3))

if __name__ == "__main__":
    run_part(PART)
