"""A sweep over residual networks: traced widths, dropout and augmentation, with ASHA and folds."""

import jax
import numpy as np
import optax

import jaxnn as nn
from helpers.resumable_runs import assert_same_bits

SPACE = {
    "first": nn.sizes(2, 4),
    "second": nn.sizes(2, 6),
    "dropout": nn.uniform(0, 0.5),
    "learning_rate": nn.log_uniform(1e-3, 1e-1),
    "shift": nn.integers(0, 1),
}


def make_recipe(hypers: dict) -> nn.Recipe:
    widths = hypers["first"], hypers["second"]
    model = nn.resnet((8, 8, 1), widths, 10, blocks=1, dropout=hypers["dropout"])
    optimizer = optax.sgd(hypers["learning_rate"], momentum=0.9)
    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=16, augment=nn.augment.shift(hypers["shift"]))


def test_the_best_is_replayed_and_loaded_to_the_bit_and_predicts_as_its_narrow_network(tmp_path) -> None:
    x, labels = (leaf[:72] for leaf in nn.datasets.digits().data)
    result = nn.sweep(
        make_recipe, SPACE, (x, labels), key=jax.random.key(0), trials=6, epochs=4, folds=2, progress=False,
        scheduler=nn.asha(grace_period=1, reduction_factor=2), directory=tmp_path / "sweep",
    )  # fmt: skip
    assert {trial.status for trial in result.trials} == {"finished", "stopped"}
    best = result.best
    params = result.params(best.trial)
    widths = [params[block]["norm_2"].mean.value.shape[-1] for block in ("block_1", "block_2")]
    assert widths == [best.hypers["first"], best.hypers["second"]]
    assert_same_bits(result.replay(best.trial).params, params)
    loaded = nn.sweeps.load(tmp_path / "sweep").params(best.trial)
    assert jax.tree.structure(loaded) == jax.tree.structure(params)
    assert_same_bits(loaded, params)
    network = nn.resnet((8, 8, 1), widths, 10, blocks=1)
    lanes = np.stack([nn.predict(network, result.params(best.trial, lane=lane), x[:3]) for lane in (0, 1)])
    np.testing.assert_allclose(lanes.mean(axis=0), result.predict(x[:3]), rtol=1e-5, atol=1e-6)
