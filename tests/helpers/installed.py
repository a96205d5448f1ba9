"""A smoke test of an installed jaxnn, away from its sources: `python -I tests/helpers/installed.py`, in any folder.

It trains, sweeps, saves and loads with what the wheel holds, and with the core dependencies alone.
"""

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn


def main() -> None:
    nn.use_all_cores()
    package = Path(nn.__file__).parent
    assert "site-packages" in package.parts, f"jaxnn comes from {package}"
    assert (package / "py.typed").is_file()
    iris = nn.datasets.iris()
    train, test = nn.train_test_split(jax.random.key(0), iris.data, test=1 / 3, stratify=iris.targets)

    def make_recipe(hypers):
        return nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optax.adam(hypers["learning_rate"]))

    with tempfile.TemporaryDirectory() as folder:
        result = nn.sweep(
            make_recipe, {"learning_rate": nn.log_uniform(1e-3, 1e-1)}, train, key=jax.random.key(0), trials=8,
            epochs=200, folds=3, scheduler=nn.asha(grace_period=10, reduction_factor=3), directory=folder,
            progress=False,
        )  # fmt: skip
        recipe = make_recipe(result.best.hypers)
        trained = nn.train(recipe, train, key=jax.random.key(0), epochs=300, progress=False)
        path = Path(folder) / "net.npz"
        nn.save(trained.params, path)
        params = nn.load(path, like=trained.params)
        assert np.isfinite(nn.sweeps.load(folder).best.score)
    accuracy = nn.accuracy(nn.predict(recipe.model, params, jnp.asarray(test[0])), test[1])
    assert accuracy > 0.9, accuracy
    nn.show_versions()
    print(f"accuracy on unseen flowers: {accuracy:.3f}")


if __name__ == "__main__":
    main()
