"""Batches that stream: an epoch fed by PyTorch's DataLoader, beside the loader alone and the training alone.

`nn.train` reads and copies the next batch while this one trains, so an epoch should take as long as the slower of the
two. On a CPU both share the cores: what a loader computes is added, and only its waiting is hidden.
"""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import time
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments.benchmarks.compiling import compile_program
from experiments.benchmarks.harness import Case, Contender, Prepared, Seconds, add_timer, importable

BATCH_SIZE = 128
CLASSES = 10
IMAGE = (28, 28, 1)


class Problem(NamedTuple):
    """Images and labels that are trained on, and how.

    Attributes:
        model: the network.
        shape: of an image, as the network takes it.
        images: uint8 images, shape (images, 784); the loader makes floats of them, one by one.
        labels: of the images.
        epochs: that are timed; one more warms up.
        wait: seconds in which the loader waits for each batch, as for a disk or a network.
    """

    model: nn.Model
    shape: tuple[int, ...]
    images: np.ndarray
    labels: np.ndarray
    epochs: int
    wait: float


def cases(quick: bool) -> list[Case]:
    """Returns a case in which the training is slower than the loader, and two in which the loader waits.

    Without PyTorch there is none.
    """
    if not importable("torch"):
        return []
    if quick:
        return [make_case("streaming_quick", nn.mlp([784, 8, CLASSES]), (784,), 2 * BATCH_SIZE, 1, 0.0)]
    mlp = nn.mlp([784, 256, CLASSES])
    return [
        make_case("streaming_cnn", nn.cnn(IMAGE, (16, 32), CLASSES), IMAGE, 100 * BATCH_SIZE, 2, 0.0),
        make_case("streaming_mlp", mlp, (784,), 200 * BATCH_SIZE, 3, 0.01),
        make_case("streaming_slow_disk", mlp, (784,), 50 * BATCH_SIZE, 3, 0.05),
    ]


def make_case(name: str, model: nn.Model, shape: tuple[int, ...], count: int, epochs: int, wait: float) -> Case:
    """Returns a case of `count` images and a few more, which make a smaller last batch."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count + 5, 784)).astype(np.uint8)
    labels = rng.integers(0, CLASSES, len(images)).astype("i4")
    problem = Problem(model, shape, images, labels, epochs, wait)
    title = f"{name}: {epochs} epochs of {len(images)} images in batches of {BATCH_SIZE} by a DataLoader"
    title += f" that waits {1000 * wait:.0f} ms for each" * bool(wait)
    return Case(name, title, [
        Contender("nn.train on the loader", ("torch",), lambda: prepare_fed(problem)),
        Contender("loader alone", ("torch",), lambda: prepare_loader(problem)),
        Contender("training alone", (), lambda: prepare_training(problem)),
    ])  # fmt: skip


def make_loader(problem: Problem) -> Any:
    """Returns a loader as PyTorch's tutorials write it: a data set of single images, collated in this process."""
    from torch.utils.data import DataLoader, Dataset, default_collate

    class Images(Dataset):
        def __len__(self) -> int:
            return len(problem.labels)

        def __getitem__(self, i: int) -> tuple[np.ndarray, int]:
            return (problem.images[i] / np.float32(255)).reshape(problem.shape), problem.labels[i]

    def collate(examples: Any) -> Any:
        time.sleep(problem.wait)
        return default_collate(examples)

    return DataLoader(Images(), BATCH_SIZE, shuffle=True, collate_fn=collate)


def make_recipe(problem: Problem) -> nn.Recipe:
    """Returns what is trained, and how."""
    return nn.Recipe(problem.model, nn.cross_entropy, optax.adam(1e-3), batch_size=BATCH_SIZE)


def prepare_fed(problem: Problem) -> Prepared:
    """Times the epochs of `nn.train` on the loader but the first, in which the program is traced and compiled."""

    def run() -> Seconds:
        ends = []
        nn.train(
            make_recipe(problem), make_loader(problem), key=jax.random.key(0), epochs=problem.epochs + 1,
            log=lambda epoch, values: ends.append(time.perf_counter()), progress=False,
        )  # fmt: skip
        return {"run": ends[-1] - ends[0]}

    return Prepared(run)


def prepare_loader(problem: Problem) -> Prepared:
    """Times the loader."""
    loader = make_loader(problem)

    def run() -> None:
        for _ in range(problem.epochs):
            for _x, _labels in loader:
                pass

    return Prepared(add_timer(run))


def prepare_training(problem: Problem) -> Prepared:
    """Times a jitted `nn.advance` on the same images as floats, an epoch a call."""
    recipe = make_recipe(problem)
    x = (problem.images / np.float32(255)).reshape(-1, *problem.shape)
    state, data = nn.init_training(recipe, jax.random.key(0)), jax.device_put((x, problem.labels))
    program, startup = compile_program(lambda state, data: nn.advance(recipe, data, state, epochs=1), state, data)

    def run() -> None:
        after = state
        for _ in range(problem.epochs):
            after, _info = program(after, data)
        jax.block_until_ready(after.params)

    return Prepared(add_timer(run), startup=startup)
