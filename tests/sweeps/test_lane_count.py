"""The lanes of a device and the length of chunks, from shapes, descriptions of devices and the number of trainings."""

import jax
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxnn as nn
from jaxnn.sweeps.engine.device import Device, describe_device, find_bandwidth
from jaxnn.sweeps.engine.lane_count import (
    Demand,
    Footprint,
    LaneCount,
    add_turns,
    choose_lanes,
    fit_lanes,
    max_chunk_epochs,
    measure_footprint,
    reduce_lanes,
    trials_per_lane,
)
from jaxnn.sweeps.engine.make_plan import make_plan
from jaxnn.training.epoch import init_training

GB = 10**9
CPU = Device("cpu", "cpu", 16 * GB, 1e10)
# The memory that JAX gives a process by default is three quarters of a GPU's.
H100 = Device("gpu", "NVIDIA H100 80GB HBM3", 60 * GB, find_bandwidth("NVIDIA H100 80GB HBM3", 60 * GB))
L4 = Device("gpu", "NVIDIA L4", 18 * GB, find_bandwidth("NVIDIA L4", 18 * GB))
TPU = Device("tpu", "TPU v5 lite", 16 * GB, find_bandwidth("TPU v5 lite", 16 * GB))
DEVICES = (H100, L4, TPU)


def measure(model, shape, rows, batch_size=None):
    recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(0.01), batch_size=batch_size)
    data = jax.ShapeDtypeStruct((rows, *shape), np.float32), jax.ShapeDtypeStruct((rows,), np.int32)
    return measure_footprint(recipe, data, jax.eval_shape(lambda key: init_training(recipe, key), jax.random.key(0)))


@pytest.fixture(scope="module")
def networks():
    return {
        "iris": measure(nn.mlp([4, 16, 3]), (4,), 120),
        "digits": measure(nn.cnn((8, 8, 1), (8, 16), 10), (8, 8, 1), 1408, 64),
        "images": measure(nn.cnn((28, 28, 1), (32, 64), 10, hidden=[128]), (28, 28, 1), 1280, 64),
        "large": measure(nn.mlp([784, 256, 10]), (784,), 60_000, 100),
        "wide": measure(nn.mlp([784, 2048, 10]), (784,), 9000),
    }


def test_the_shapes_decide_the_lanes_and_chunks_of_a_cpu(networks):
    counts = {name: tuple(choose_lanes(footprint, CPU)) for name, footprint in networks.items()}
    assert counts == {"iris": (64, 64), "digits": (4, 1), "images": (3, 1), "large": (3, 1), "wide": (4, 1)}
    iris, large = networks["iris"], networks["large"]
    chunks = [max_chunk_epochs(footprint, width, CPU, 500) for footprint, width in ((iris, 64), (large, 1), (large, 4))]
    assert chunks == [512, 3, 1]
    assert [max_chunk_epochs(iris, width, CPU, 1) for width in (1, 200)] == [2**15, 256]
    assert [trials_per_lane(iris, width, CPU, 500) for width in (1, 4, 64)] == [16, 4, 1]
    assert [trials_per_lane(large, 1, CPU, epochs) for epochs in (1, 2)] == [3, 1]


def test_a_footprint_counts_steps_and_state(networks):
    iris, large = networks["iris"], networks["large"]
    # An epoch has 600 steps, and the arrays of one of them count for the cache.
    assert 100 * large.step < large.epoch < 600 * large.step
    assert iris.step == iris.epoch
    # Adam holds two moments for each of the 4 · 16 + 16 + 16 · 3 + 3 parameters, and counts its steps.
    assert iris.state == 3 * 4 * 131 + 4


def test_an_h100_gets_the_lanes_at_which_its_rate_was_measured_to_stop_growing(networks):
    tiles = {name: choose_lanes(networks[name], H100).tile for name in ("iris", "digits", "images")}
    assert 1024 <= tiles["iris"] <= 4096
    assert tiles["digits"] == 256
    assert 16 <= tiles["images"] <= 32


def test_slower_devices_get_fewer_lanes(networks):
    lanes = [[choose_lanes(networks[name], device).tile for device in DEVICES] for name in ("iris", "digits", "images")]
    assert lanes == [[4096, 1024, 2048], [256, 16, 64], [16, 4, 4]]


@pytest.mark.parametrize("device", DEVICES)
def test_lanes_that_are_planned_fit_the_memory(networks, device):
    for footprint in networks.values():
        tile = choose_lanes(footprint, device).tile
        assert tile == 1 or tile * (footprint.step + 3 * footprint.state) <= device.memory


def test_chunks_take_about_half_a_second_of_any_device(networks):
    for device in DEVICES:
        for name, steps in (("iris", 1), ("digits", 22), ("images", 20)):
            width = choose_lanes(networks[name], device).width
            epochs = max_chunk_epochs(networks[name], width, device, 10**6)
            assert epochs == 1 or epochs * steps * networks[name].step * width <= 0.51 * device.bandwidth
    # 500 epochs of 4,096 iris networks are one chunk; those of 16,384 are three.
    chunks = [max_chunk_epochs(networks["iris"], width, H100, 500) for width in (4096, 16384)]
    assert chunks[0] >= 500
    assert 500 / 3 <= chunks[1] < 512
    # The curves of short trials need no long buffer.
    assert max_chunk_epochs(networks["iris"], 64, H100, 20) == 32


def test_few_trainings_get_a_smaller_tile_in_few_steps():
    iris = LaneCount(4096, 4096)
    counts = [fit_lanes(Demand(None, 1, trainings, 1), iris).tile for trainings in (1, 8, 16, 17, 1000, 5000)]
    assert counts == [4, 16, 16, 64, 1024, 4096]
    # Five folds of three trials on two devices are eight lanes each.
    assert fit_lanes(Demand(None, 5, 15, 2), LaneCount(64, 64)) == LaneCount(16, 16)
    # A trial of forty lanes needs three tiles.
    assert fit_lanes(Demand(None, 40, 400, 1), LaneCount(16, 16)) == LaneCount(48, 16)


def test_programs_that_share_the_open_trials_of_a_sampler_get_few_lanes_on_a_cpu(networks):
    def count(device, **options):
        plan = make_plan(
            lambda hypers: nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optax.adam(hypers["learning_rate"])),
            {"learning_rate": nn.log_uniform(1e-3, 1.0)} | options,
            (np.zeros((12, 4), np.float32), np.arange(12) % 3), key=jax.random.key(0), epochs=3, validation=None,
            folds=2, stratify=None, score=None, evaluate_at="epochs", repeats=1, lanes="auto",
            trials=100, has_scheduler=False,
        )  # fmt: skip
        return plan._replace(at_once=16, device=device).count_lanes(networks["iris"], 1)

    assert count(CPU) == LaneCount(64, 64)  # 16 trials of 2 folds
    assert count(CPU, activation=nn.choice(nn.relu, nn.tanh, nn.gelu)) == LaneCount(4, 4)
    assert count(H100, activation=nn.choice(nn.relu, nn.tanh, nn.gelu)) == count(H100)


FOOTPRINTS = st.builds(Footprint, st.integers(1, 2**36), st.integers(1, 2**42), st.integers(0, 2**34))
PLATFORMS = st.sampled_from(["cpu", "gpu", "tpu"])
MEMORIES, BANDWIDTHS = st.integers(2**20, 2**40), st.floats(1e9, 1e13)
DEMANDS = st.builds(
    lambda trials, needed, devices: Demand(None, needed, trials * needed, devices),
    st.integers(1, 10**5), st.integers(1, 50), st.integers(1, 8),
)  # fmt: skip


@given(FOOTPRINTS, st.builds(Device, PLATFORMS, st.just("some"), MEMORIES, BANDWIDTHS), DEMANDS, st.integers(1, 10**4))
def test_there_are_no_more_tiles_than_the_trainings_need(footprint, device, demand, epochs):
    count = fit_lanes(demand, choose_lanes(footprint, device))
    turned = add_turns(count, footprint, device, demand, epochs)
    for each in (count, turned):
        assert each.width % each.tile == 0
        assert each.width * demand.devices >= demand.needed
        assert (each.width - each.tile) * demand.devices < max(demand.trainings, demand.devices * demand.needed)
    assert max_chunk_epochs(footprint, turned.width, device, epochs) >= 1


@given(FOOTPRINTS, MEMORIES, MEMORIES, BANDWIDTHS)
def test_more_memory_never_gives_fewer_lanes(footprint, memory, more, bandwidth):
    small, large = sorted((memory, more))
    counts = [choose_lanes(footprint, Device("gpu", "some", size, bandwidth)) for size in (small, large)]
    assert counts[0].width <= counts[1].width
    assert counts[0].tile == 1 or counts[0].tile * footprint.step <= small


@given(st.integers(0, 12), st.integers(1, 20), st.integers(1, 300))
def test_lanes_are_halved_down_to_those_of_one_trial(power, tiles, least):
    tile = 2**power
    count = LaneCount(-(-max(tiles * tile, least) // tile) * tile, tile)
    for _ in range(30):
        smaller = reduce_lanes(count, least)
        if smaller is None:
            break
        assert smaller.width % smaller.tile == 0
        assert smaller.width >= least
        assert (smaller.width, smaller.tile) < (count.width, count.tile) or smaller.tile < count.tile
        count = smaller
    assert count == (least, 1)


def test_kinds_of_devices():
    assert [device.bandwidth for device in DEVICES] == [3.35e12, 3.0e11, 8.2e11]
    known = {"NVIDIA A100-SXM4-80GB": 2.04e12, "NVIDIA H200": 4.8e12, "Tesla T4": 3.2e11, "TPU v4": 1.23e12}
    known |= {"NVIDIA L40S": 8.64e11, "NVIDIA A10G": 6.0e11, "NVIDIA A100-SXM4-40GB": 1.56e12, "TPU v5p": 2.77e12}
    assert {kind: find_bandwidth(kind, GB) for kind in known} == known
    assert find_bandwidth("NVIDIA GeForce RTX 4090", 24 * GB) == 25 * 24 * GB
    here = describe_device()
    assert (here.platform, here.kind) == (jax.devices()[0].platform, jax.devices()[0].device_kind)
