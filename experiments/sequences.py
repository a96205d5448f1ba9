"""Sequences: a GRU and a 1-D CNN tell the shapes of noisy waves apart.

`python -m experiments.sequences` makes the waves, and trains a few networks of each kind, all in one compiled program.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments.common import print_pictures, run_command, save

SHAPES = ("sine", "square", "sawtooth", "chirp")


@dataclass(frozen=True)
class Config:
    """Train a GRU and a 1-D CNN to classify noisy waves by their shape."""

    epochs: int = 40
    """Passes over the training waves."""
    learning_rate: float = 5e-3
    """Initial learning rate of Adam; it decays to 0 along a cosine."""
    batch_size: int = 50
    """Waves in a minibatch."""
    waves: int = 1000
    """Training waves; there are as many for the test."""
    length: int = 64
    """Samples of a wave."""
    noise: float = 0.4
    """Standard deviation of the noise that is added to waves between -1 and 1."""
    features: int = 32
    """Features of the state of the GRU, and filters of the second convolution."""
    networks: int = 3
    """Networks of each kind, with other initial weights."""
    seed: int = 0
    """Seed of the waves, the initial weights and the order of the waves."""


class Result(NamedTuple):
    """Test accuracies after each epoch by kind of network, shape (networks, epochs), and the path of the picture."""

    accuracies: dict[str, np.ndarray]
    pictures: list[Path]


def main(config: Config) -> Result:
    """Trains both kinds of networks, prints their accuracies on unseen waves, and draws the picture."""
    keys = jax.random.split(jax.random.key(config.seed), 4)
    train, test = (make_waves(key, config.waves, config.length, config.noise) for key in keys[:2])
    models = {
        "GRU": make_gru(config.features),
        "CNN": nn.cnn((config.length, 1), (config.features // 2, config.features), len(SHAPES), window=5, pool=4),
    }
    accuracies = {}
    for (name, model), key in zip(models.items(), keys[2:], strict=True):
        run = jax.jit(jax.vmap(lambda key, model=model: train_and_test(config, model, train, test, key)))
        accuracies[name] = np.asarray(run(jax.random.split(key, config.networks)))
        last, size = (
            accuracies[name][:, -1],
            sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(model.init, key))),
        )
        each = " ".join(f"{accuracy:.3f}" for accuracy in last)
        print(f"{name} of {size} parameters: mean accuracy {last.mean():.3f} on {config.waves} unseen waves ({each})")
    pictures = [draw(test, accuracies)]
    print_pictures(pictures)
    return Result(accuracies, pictures)


def make_waves(key: Any, count: int, length: int, noise: float) -> tuple[Any, Any]:
    """Draws waves (count, length, 1) of random period and phase, and their shapes (count,) as labels."""
    label_key, period_key, phase_key, noise_key = jax.random.split(key, 4)
    labels = jax.random.randint(label_key, (count,), 0, len(SHAPES))
    periods = jax.random.uniform(period_key, (count, 1), minval=12, maxval=32)
    phases = jax.random.uniform(phase_key, (count, 1))
    time = jnp.arange(length)[None] / periods
    # A chirp has the period at its middle: half the frequency at the start, and one and a half at the end.
    rising = time * (0.5 + jnp.arange(length)[None] / (2 * length))
    cycles = jnp.where(labels[:, None] == SHAPES.index("chirp"), rising, time) + phases
    sine = jnp.sin(2 * jnp.pi * cycles)
    waves = jnp.stack([sine, jnp.sign(sine), 2 * (cycles % 1) - 1, sine])[labels, jnp.arange(count)]
    return (waves + noise * jax.random.normal(noise_key, waves.shape))[:, :, None], labels


def make_gru(features: int) -> nn.Model:
    """Makes a model of one's own: a GRU along the wave, whose last state gives the class scores."""

    def init(key: Any) -> dict[str, Any]:
        gru_key, output_key = jax.random.split(key)
        return {"gru": nn.init_gru(gru_key, 1, features), "output": nn.init_dense(output_key, features, len(SHAPES))}

    def apply(params: Any, x: Any, *, key: Any = None) -> Any:
        return nn.dense(params["output"], nn.gru(params["gru"], x)[:, -1])

    return nn.Model(init, apply)


def train_and_test(config: Config, model: nn.Model, train: Any, test: Any, key: Any) -> Any:
    """Trains one network, and returns its accuracy on the test waves after each epoch."""
    steps = config.epochs * -(-config.waves // config.batch_size)
    schedule = optax.cosine_decay_schedule(config.learning_rate, steps)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
    recipe = nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=config.batch_size)

    def epoch(state: nn.TrainingState, _: None) -> tuple[nn.TrainingState, Any]:
        state, _info = nn.advance(recipe, train, state, epochs=1)
        return state, nn.accuracy(nn.predict(model, state.params, test[0]), test[1])

    return jax.lax.scan(epoch, nn.init_training(recipe, key), length=config.epochs)[1]


def draw(test: tuple[Any, Any], accuracies: dict[str, np.ndarray]) -> Path:
    """Draws a wave of each shape beside the accuracies of both kinds of networks."""
    drawing, [[waves, curves]] = nn.plots.figure(1, 2, size=(6.0, 4.5))
    x, labels = map(np.asarray, test)
    for number in range(len(SHAPES)):
        wave = x[np.flatnonzero(labels == number)[0], :, 0]
        waves.plot(wave - 4 * number, color=nn.plots.COLOURS[number])
    waves.set(xlabel="time (samples)", ylabel="signal, each 4 below the one above", title="A noisy wave of each shape")
    waves.set_yticks(-4 * np.arange(len(SHAPES)), SHAPES)
    nn.plots.learning_curves(curves, accuracies, quantity="accuracy on unseen waves")
    curves.axhline(1 / len(SHAPES), color="grey", linestyle=":")
    curves.set(ylim=(0, 1.02), title=f"Median and range of {len(accuracies['GRU'])} networks; dotted: chance")
    return save(drawing, "sequences", "accuracies")


if __name__ == "__main__":
    run_command(Config, main)
