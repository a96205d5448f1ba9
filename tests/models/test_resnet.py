"""Residual networks: the training of PyTorch, all forms and sizes, and what is refused."""

import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.errors import error_message
from jaxnn.units import Size

# The losses of 20 steps of the same network in PyTorch 2.13 (Conv2d(bias=False, padding=1), BatchNorm2d, Linear, with
# the weights below), by SGD(lr=0.05, momentum=0.9); minibatches of 12, the last of each epoch of 6.
TORCH_LOSSES = [
    1.4750098, 1.4032167, 1.5137955, 1.3342026, 1.0057844, 0.9754326, 1.0796548, 1.004871, 0.7996851, 0.885068,
    0.980233, 0.8914571, 0.8074017, 0.8921795, 0.9101126, 0.7685182, 0.7278877, 0.7562128, 0.7783884, 0.6234387,
]  # fmt: skip
# Its outputs for the first two rows in evaluation mode, and four running means of its last norm, after these steps.
TORCH_OUTPUTS = [[0.6840486, -0.5457163, -0.7616712], [0.5821611, -0.3329324, -0.5467966]]
TORCH_MEANS = [-0.1813748, 0.0211517, 0.0634044, 0.3280268]


def draw_weights(shapes: Any) -> Any:
    """Draws weights by NumPy, with the variance of he_normal; the other leaves stay as they are."""
    rng = np.random.RandomState(0)

    def draw(leaf: Any) -> Any:
        fan_in = np.prod(leaf.shape[:-1])
        return (rng.normal(size=leaf.shape) * np.sqrt(2 / fan_in)).astype("f") if leaf.ndim > 1 else leaf

    return jax.tree.map(draw, shapes)


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Model, Any, list[float], np.ndarray]:
    """Trains a small network for 20 steps by a loop of its own."""
    model = nn.resnet((8, 8, 1), (4, 8), 3, blocks=1)
    optimizer = optax.sgd(0.05, momentum=0.9)

    @jax.jit
    def step(params: Any, state: Any, x: Any, labels: Any, where: Any) -> Any:
        learned, buffers = nn.partition(params)

        def objective(learned: Any) -> Any:
            outputs, after = model.train_apply(nn.merge(learned, buffers), x, key=None, where=where)
            return nn.cross_entropy(outputs, labels).mean(where=where), nn.partition(after)[1]

        (loss, buffers), gradient = jax.value_and_grad(objective, has_aux=True)(learned)
        updates, state = optimizer.update(gradient, state, learned)
        return nn.merge(optax.apply_updates(learned, updates), buffers), state, loss

    x = np.random.RandomState(1).normal(size=(42, 8, 8, 1)).astype("f")
    labels = (np.arange(42) % 3).astype("i4")
    params, losses = draw_weights(jax.tree.map(np.asarray, model.init(jax.random.key(0)))), []
    state = optimizer.init(nn.partition(params)[0])
    for _ in range(5):
        for start in range(0, 42, 12):
            rows, where = np.arange(start, start + 12) % 42, np.arange(start, start + 12) < 42
            params, state, loss = step(params, state, x[rows], labels[rows], where)
            losses.append(float(loss))
    return model, params, losses, x


def test_twenty_steps_of_training_are_those_of_pytorch(trained: Any) -> None:
    model, params, losses, x = trained
    np.testing.assert_allclose(losses, TORCH_LOSSES, rtol=0, atol=2e-5)
    np.testing.assert_allclose(params["block_2"]["norm_2"].mean.value[:4], TORCH_MEANS, rtol=0, atol=2e-5)
    np.testing.assert_allclose(nn.predict(model, params, x[:2]), TORCH_OUTPUTS, rtol=0, atol=2e-5)


@pytest.mark.parametrize("preactivation", [False, True])
def test_blocks_are_as_in_the_papers(preactivation: bool) -> None:
    model = nn.resnet((4, 4, 2), (3, 5), 2, blocks=1, norm=None, preactivation=preactivation, activation=nn.tanh)
    params, x = model.init(jax.random.key(0)), np.linspace(-1, 1, 96, dtype="f").reshape(3, 4, 4, 2)

    @jax.jit
    def by_hand(params: Any, x: Any) -> Any:
        def f(name: str, number: int, x: Any, stride: int = 1) -> Any:
            return nn.conv(params[name][f"conv_{number}"], x, stride=stride, padding=1)

        x = nn.conv(params["stem"]["conv"], x, padding=1)
        if preactivation:
            x = x + f("block_1", 2, nn.tanh(f("block_1", 1, nn.tanh(x))))
            x = nn.tanh(x)
            x = nn.conv(params["block_2"]["conv_shortcut"], x, stride=2) + f(
                "block_2", 2, nn.tanh(f("block_2", 1, x, 2))
            )
            return nn.dense(params["output"], nn.tanh(x).mean((1, 2)))
        x = nn.tanh(x)
        x = nn.tanh(x + f("block_1", 2, nn.tanh(f("block_1", 1, x))))
        shortcut = nn.conv(params["block_2"]["conv_shortcut"], x, stride=2)
        x = nn.tanh(shortcut + f("block_2", 2, nn.tanh(f("block_2", 1, x, 2))))
        return nn.dense(params["output"], x.mean((1, 2)))

    np.testing.assert_allclose(jax.jit(model.apply)(params, x), by_hand(params, x), rtol=1e-5, atol=1e-6)
    assert model.train_apply is None


def test_the_network_of_the_paper_has_its_parameters() -> None:
    model = nn.resnet((32, 32, 3), channels=(16, 32, 64), blocks=3, classes=10)
    params = jax.eval_shape(model.init, jax.random.key(0))
    learned = sum(leaf.size for leaf in jax.tree.leaves(nn.partition(params)[0]))
    # He et al. count 0.27 million for ResNet-20; the projections of two shortcuts and their norms add 2,560 + 192.
    assert learned == 269_722 + 2_560 + 192
    assert sorted(params) == sorted(["stem", *(f"block_{i}" for i in range(1, 10)), "output"])
    assert sorted(params["block_4"]) == ["conv_1", "conv_2", "conv_shortcut", "norm_1", "norm_2", "norm_shortcut"]


@pytest.mark.parametrize("image", [(9, 2), (4, 4, 4, 1)])
def test_images_have_one_or_three_axes_too_and_stages_their_own_number_of_blocks(image: tuple[int, ...]) -> None:
    model = nn.resnet(image, (2, 3), 5, blocks=(1, 2), window=1, norm="layer", preactivation=True)
    params = jax.eval_shape(model.init, jax.random.key(0))
    assert sorted(params) == ["block_1", "block_2", "block_3", "head", "output", "stem"]
    assert jax.eval_shape(model.apply, params, jnp.zeros((7, *image))).shape == (7, 5)


@pytest.mark.parametrize("preactivation", [False, True])
def test_a_masked_network_computes_what_the_narrow_one_does(preactivation: bool) -> None:
    """softplus(0) is not 0, so masked units must be masked after each activation."""

    def make(*channels: Any) -> nn.Model:
        return nn.resnet(
            (4, 4, 1), channels, 2, blocks=1, activation=nn.softplus, dropout=0.3, preactivation=preactivation
        )

    wide, narrow = make(Size(jnp.array(2), 4), Size(jnp.array(3), 5)), make(2, 3)
    params, x = wide.init(jax.random.key(0)), np.linspace(-1, 1, 48, dtype="f").reshape(3, 4, 4, 1)
    shapes = jax.eval_shape(narrow.init, jax.random.key(0))
    cut = jax.tree.map(lambda leaf, like: leaf[tuple(map(slice, like.shape))], params, shapes)
    outputs, after = jax.jit(wide.train_apply)(params, x, key=jax.random.key(1))
    expected, expected_after = jax.jit(narrow.train_apply)(cut, x, key=jax.random.key(1))
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    for leaf, small in zip(jax.tree.leaves(after), jax.tree.leaves(expected_after), strict=True):
        np.testing.assert_allclose(leaf[tuple(map(slice, small.shape))], small, rtol=1e-4, atol=1e-5)
    evaluated = jax.jit(wide.apply)(after, x), jax.jit(narrow.apply)(expected_after, x)
    np.testing.assert_allclose(*evaluated, rtol=1e-4, atol=1e-5)


def test_equal_networks_are_equal_and_can_be_pickled() -> None:
    one, same, other = (nn.resnet((8, 8, 1), (4, width), 3, blocks=1) for width in (8, 8, 9))
    assert one == same
    assert hash(one) == hash(same)
    assert pickle.loads(pickle.dumps(one)) == one
    assert one != other
    # Networks that differ in their widths alone share compiled programs of sweeps.
    assert one.train_apply == other.train_apply


@pytest.mark.parametrize(
    ("options", "kind", "rest"),
    [
        (
            {"image": (8,)}, ValueError,
            "image must be (height, width, channels), or with one or three spatial axes, not (8,)",
        ),
        ({"channels": ()}, TypeError, "channels must be a sequence of whole numbers, one for each stage, not ()"),
        ({"channels": (4, 0)}, ValueError, "channels[1] must be at least 1, not 0"),
        ({"blocks": (1, 2, 3)}, ValueError, "blocks must be one number or one for each of the 2 stages, not (1, 2, 3)"),
        ({"window": 2}, ValueError, "window must be odd, not 2"),
        ({"dropout": 1.0}, ValueError, "dropout, the probability of dropping, must lie in [0, 1), not 1.0"),
        (
            {"norm": "instance"}, ValueError,
            "norm must be one of 'batch', 'group', 'layer', 'rms' or None, not 'instance'",
        ),
    ],
)  # fmt: skip
def test_invalid_options_are_refused(options: dict, kind: type[Exception], rest: str, as_installed: None) -> None:
    arguments = {"image": (8, 8, 1), "channels": (4, 8), "classes": 3} | options
    assert error_message(kind, lambda: nn.resnet(**arguments)) == f"resnet: {rest}"


def test_an_image_of_another_size_is_refused(as_installed: None) -> None:
    model = nn.resnet((8, 8, 1), (4, 8), 3, blocks=1)
    params = jax.eval_shape(model.init, jax.random.key(0))
    message = error_message(ValueError, lambda: model.apply(params, np.zeros((2, 8, 9, 1), "f")))
    assert message == "resnet: x must have shape (batch, 8, 8, 1), not (2, 8, 9, 1)"
