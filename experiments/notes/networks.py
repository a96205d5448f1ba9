"""The networks of the notes with their parameters, and gradient descent watched step by step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

import jaxnn as nn

Params = dict[str, nn.Affine]

# Parts 1 to 4: dosage in, efficacy out. w1, b1: the blue node on top; w2, b2: the orange one; w3, w4, b3: the output.
DOSAGE_NETWORK = nn.mlp([1, 2, 1], activation=nn.softplus)
DOSAGE, EFFICACY = nn.datasets.dosage().data
DOSAGES = np.linspace(0, 1, 201, dtype=np.float32)[:, None]
# What gradient descent found, rounded as in the notes; b3 is what part 2 looks for.
FOUND = {"w1": 3.34, "b1": -1.43, "w2": -3.53, "b2": 0.57, "w3": -1.22, "w4": -2.3, "b3": 2.61}
SEVEN = tuple(FOUND)

# Parts 6 to 9: petal and sepal width in, a raw output for each species.
IRIS_NETWORK = nn.mlp([2, 2, 3])
WIDTHS = ("petal width\n(0 to 1)", "sepal width\n(0 to 1)")
SPECIES = ("setosa", "versicolor", "virginica")
IRIS_PARAMS = {
    "hidden_1": nn.Affine(jnp.array([[-2.5, -1.5], [0.6, 0.4]]), jnp.array([1.6, 0.7])),
    "output": nn.Affine(jnp.array([[-0.1, 2.4, -2.2], [1.5, -5.2, 3.7]]), jnp.array([0.0, 0.0, 1.0])),
}


def dosage_params(
    *, w1: ArrayLike, b1: ArrayLike, w2: ArrayLike, b2: ArrayLike, w3: ArrayLike, w4: ArrayLike, b3: ArrayLike
) -> Params:
    """The notes' seven numbers as parameters of a 1-2-1 network."""
    w1, b1, w2, b2, w3, w4, b3 = (jnp.asarray(value, float) for value in (w1, b1, w2, b2, w3, w4, b3))
    return {
        "hidden_1": nn.Affine(jnp.stack([w1, w2])[None], jnp.stack([b1, b2])),
        "output": nn.Affine(jnp.stack([w3, w4])[:, None], b3[None]),
    }


def seven(params: Params) -> Float[Array, "7"]:
    """w1, b1, w2, b2, w3, w4, b3 of a 1-2-1 network."""
    hidden, output = params["hidden_1"], params["output"]
    each_node = jnp.stack([hidden.weight[0], hidden.bias], axis=1)
    return jnp.concatenate([each_node.ravel(), output.weight[:, 0], output.bias])


def ssr(params: Params) -> Float[Array, ""]:
    """Σ (observed - predicted)² over the three dosages."""
    return nn.squared_residuals(DOSAGE_NETWORK.apply(params, DOSAGE), EFFICACY).sum()


def scaled_iris() -> tuple[Float[Array, "150 2"], np.ndarray]:
    """Petal and sepal widths of the real irises, each from 0 to 1, and their species."""
    flowers = nn.datasets.iris()
    widths = jnp.asarray(flowers.x[:, [3, 1]], float)
    return nn.scale(nn.min_max_scaling(widths), widths), flowers.targets


def three_flowers() -> tuple[Float[Array, "3 2"], np.ndarray]:
    """The notes' three irises, a setosa, a virginica and a versicolor, to two decimals as the notes have them."""
    widths, species = scaled_iris()
    rows = np.array([1, 100, 58])
    return widths[rows].round(2), species[rows]


def watch(recipe: nn.Recipe, data: tuple[Any, Any], params: Any, *, steps: int) -> Any:
    """The parameters at the start and after each of the steps that `fit` takes: a first axis of steps + 1."""

    def one(state: nn.TrainingState, _) -> tuple[nn.TrainingState, Any]:
        after, _ = nn.advance(recipe, data, state, epochs=1)
        return after, after.params

    start = nn.init_training(recipe, jax.random.key(0), params=params)
    _, path = jax.lax.scan(one, start, length=steps)
    return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), start.params, path)
