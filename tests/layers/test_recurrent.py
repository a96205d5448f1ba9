"""GRU and LSTM compute what PyTorch computes with the same weights."""

from typing import Any

import jax
import numpy as np
import pytest
import safetensors.numpy

import jaxnn as nn
from helpers.errors import error_message

X = np.cos(np.arange(12.0)).reshape(2, 3, 2).astype("f")
HIDDEN, CELL = np.array([[0.5, -0.25], [0.125, 1]], "f"), np.array([[-0.5, 0.75], [0.25, 2]], "f")

# torch 2.13: nn.GRU(2, 2, batch_first=True) and nn.LSTM, whose parameters are sin(arange(numel) + 10 k) for the k-th of
# weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0; without and with an initial state.
GRU_OF_TORCH = [
    [[[0.3724688, -0.4055732], [0.2047, 0.1873389], [-0.0600862, 0.0642768]],
     [[0.4267833, -0.3822906], [0.2250706, 0.1496939], [0.0154878, 0.2058211]]],
    [[[0.4150984, -0.5117131], [0.2375257, 0.1063036], [-0.0404763, 0.0149881]],
     [[0.3349944, -0.1335307], [0.1592355, 0.3196439], [-0.0306098, 0.3115952]]],
]  # fmt: skip
LSTM_OF_TORCH = [
    [[[0.1418257, -0.5318299], [-0.0024188, -0.0780985], [-0.2233208, -0.1767292]],
     [[0.1667797, -0.5486535], [0.0154357, -0.1234168], [-0.2243136, -0.1059054]]],
    [[[0.0142598, -0.1670361], [-0.1020573, 0.0404233], [-0.2676473, -0.0791241]],
     [[0.0816354, 0.0778306], [0.0444869, 0.1142348], [-0.1435729, 0.0676804]]],
]  # fmt: skip


def load_torch(path: Any, gates: int) -> nn.RecurrentParams:
    """Writes the parameters as a `state_dict`, and reads them as `RecurrentParams` says."""
    shapes = {"weight_ih_l0": (2 * gates, 2), "weight_hh_l0": (2 * gates, 2), "bias_ih_l0": (2 * gates,)}
    shapes["bias_hh_l0"] = shapes["bias_ih_l0"]
    theirs = {
        name: np.sin(np.arange(np.prod(shape)) + 10 * k).reshape(shape).astype("f")
        for k, (name, shape) in enumerate(shapes.items())
    }
    safetensors.numpy.save_file(theirs, path)
    like = nn.RecurrentParams(*(nn.Affine(np.zeros((2, 2 * gates), "f"), np.zeros(2 * gates, "f")) for _ in range(2)))
    names = {"inputs.weight": "weight_ih_l0", "inputs.bias": "bias_ih_l0"}
    names |= {"state.weight": "weight_hh_l0", "state.bias": "bias_hh_l0"}
    return nn.load_safetensors(path, like=like, names=names, layout="torch")


def test_gru_equals_that_of_torch(tmp_path) -> None:
    params = load_torch(tmp_path / "gru.safetensors", gates=3)
    np.testing.assert_allclose(nn.gru(params, X), GRU_OF_TORCH[0], atol=1e-6)
    np.testing.assert_allclose(nn.gru(params, X, state=HIDDEN), GRU_OF_TORCH[1], atol=1e-6)


def test_lstm_equals_that_of_torch(tmp_path) -> None:
    params = load_torch(tmp_path / "lstm.safetensors", gates=4)
    np.testing.assert_allclose(nn.lstm(params, X), LSTM_OF_TORCH[0], atol=1e-6)
    np.testing.assert_allclose(nn.lstm(params, X, state=nn.LSTMState(HIDDEN, CELL)), LSTM_OF_TORCH[1], atol=1e-6)


@pytest.mark.parametrize(("init", "layer"), [(nn.init_gru, nn.gru), (nn.init_lstm, nn.lstm)])
def test_two_parts_of_a_sequence_give_what_the_whole_gives(init: Any, layer: Any) -> None:
    params = init(jax.random.key(0), 2, 3)
    expected, last = layer(params, X, return_state=True)
    np.testing.assert_array_equal(expected, layer(params, X))
    first, state = layer(params, X[:, :1], return_state=True)
    second, state = layer(params, X[:, 1:], state=state, return_state=True)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), expected, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), state, last)


def test_layers_without_biases_work() -> None:
    gates = nn.init_gru(jax.random.key(0), 2, 3)
    bare = nn.RecurrentParams(*(part._replace(bias=None) for part in gates))
    np.testing.assert_array_equal(nn.gru(bare, X), nn.gru(gates, X))


def test_half_precision_is_kept() -> None:
    params = jax.tree.map(lambda leaf: leaf.astype("bfloat16"), nn.init_lstm(jax.random.key(0), 2, 3))
    assert nn.lstm(params, X.astype("bfloat16")).dtype == "bfloat16"


@pytest.mark.parametrize(("init", "gates"), [(nn.init_gru, 3), (nn.init_lstm, 4)])
def test_parameters_have_a_block_for_each_gate(init: Any, gates: int) -> None:
    params = init(jax.random.key(0), 2, 200)
    assert params.inputs.weight.shape == (2, 200 * gates)
    assert abs(float(params.state.weight.std()) * 200**0.5 - 1) < 0.02
    np.testing.assert_array_equal(params.state.bias, np.zeros(200 * gates))


def test_a_bias_of_another_shape_is_refused(as_installed: None) -> None:
    params = nn.init_gru(jax.random.key(0), 2, 3)
    wrong = params._replace(state=params.state._replace(bias=np.zeros(3, "f")))
    message = error_message(ValueError, lambda: nn.gru(wrong, X))
    assert message == "gru: bias must have shape (9,), the outputs of weight (3, 9), not (3,)"
