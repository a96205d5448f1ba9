"""Event files, read by the definition of their format: protocol buffers in records with lengths and checksums."""

import math
import struct
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.errors import error_message

POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected


def masked_crc(content: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(content: bytes) -> list[bytes]:
    """Returns the records of a file; each is stored as its length, a checksum of that, its bytes and their checksum."""
    contents, at = [], 0
    while at < len(content):
        length, length_crc = struct.unpack_from("<QI", content, at)
        assert length_crc == masked_crc(content[at : at + 8])
        contents.append(content[at + 12 : at + 12 + length])
        assert struct.unpack_from("<I", content, at + 12 + length) == (masked_crc(contents[-1]),)
        at += 16 + length
    return contents


def read_events(path) -> list:
    from tensorboardX.proto import event_pb2  # takes seconds, which not every process of the tests must spend

    return [event_pb2.Event.FromString(record) for record in records(path.read_bytes())]


def scalars(path) -> list[tuple[int, str, float]]:
    return [(event.step, value.tag, value.simple_value) for event in read_events(path) for value in event.summary.value]


def test_the_checksum_is_the_standard_one() -> None:
    """RFC 3720, B.4: the CRC-32C of 32 bytes of zeros is 0x8a9136aa."""
    unmasked = (masked_crc(bytes(32)) - 0xA282EAD8) & 0xFFFFFFFF
    assert (unmasked >> 17 | unmasked << 15) & 0xFFFFFFFF == 0x8A9136AA


def test_every_value_is_in_the_file_with_its_name_and_step(tmp_path) -> None:
    with nn.tensorboard(tmp_path / "runs" / "first") as log:
        log(1, {"loss": 0.5, "validation": jnp.array(0.25)})
        log(2, {"loss": np.float32(0.125), "validation": float("nan")})
    first, *events = read_events(log.path)
    assert first.file_version == "brain.Event:2"
    values = scalars(log.path)
    assert values[:3] == [(1, "loss", 0.5), (1, "validation", 0.25), (2, "loss", 0.125)]
    assert values[3][:2] == (2, "validation")
    assert math.isnan(values[3][2])
    assert all(abs(event.wall_time - first.wall_time) < 60 for event in events)


def test_two_logs_opened_within_a_second_are_two_files(tmp_path) -> None:
    for value in (1.0, 2.0):
        with nn.tensorboard(tmp_path) as log:
            log(0, {"loss": value})
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 2


def test_bad_values_and_a_closed_log_are_errors(tmp_path, as_installed: None) -> None:
    log = nn.tensorboard(tmp_path)
    assert error_message(TypeError, lambda: log(1.5, {})) == "tensorboard: step must be a whole number, not 1.5"
    assert error_message(ValueError, lambda: log(-1, {})) == "tensorboard: step must be at least 0, not -1"
    assert error_message(TypeError, lambda: log(0, {"a": None})) == "tensorboard: a must be a number, not None"
    log.close()
    log.close()
    assert error_message(ValueError, lambda: log(3, {"a": 1})).endswith("is closed; step 3 cannot be written")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        nn.tensorboard(tmp_path / "file")


def test_tensorflow_is_not_imported_and_nothing_warns() -> None:
    program = "import sys, jaxnn as nn, tempfile\nwith nn.tensorboard(tempfile.mkdtemp()) as log: log(0, {'a': 1})\n"
    program += "assert 'tensorflow' not in sys.modules"
    run = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_train_and_sweep_log_into_it(tmp_path):
    flowers = nn.datasets.iris()

    def make_recipe(hypers):
        return nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.adam(hypers["learning_rate"]))

    options = {"key": jax.random.key(0), "validation": flowers.data, "epochs": 3, "progress": False}
    with nn.tensorboard(tmp_path / "train") as log:
        training = nn.train(make_recipe({"learning_rate": 0.1}), flowers.data, log=log, **options)
    logged = [(step, value) for step, tag, value in scalars(log.path) if tag == "score"]
    assert logged == list(enumerate(training.scores.tolist(), 1))
    with nn.tensorboard(tmp_path / "sweep") as log:
        space = {"learning_rate": nn.log_uniform(1e-3, 1.0)}
        result = nn.sweep(make_recipe, space, flowers.data, trials=4, log=log, **options)
    logged = {step: value for step, tag, value in scalars(log.path) if tag == "score"}
    assert logged == {trial.trial: trial.score for trial in result.trials}
