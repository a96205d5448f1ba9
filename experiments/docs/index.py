"""The first page, and the order of the others."""

import re
from pathlib import Path

from experiments.docs.pages import link_names

# How-tos by part, in the order of reading.
PARTS = {
    "First steps": ("first_network", "table", "own_data", "own_layer", "cnn"),
    "Searches": ("sweep", "groups", "resume", "cluster"),
    "Beside other tools": (
        "modules", "from_pytorch", "from_keras", "from_flax", "from_sklearn", "from_optuna"
    ),
    "Behind it": ("speed", "bits", "gpu"),
}  # fmt: skip
HOWTOS = tuple(name for names in PARTS.values() for name in names)

_TEXT = """
# jaxnn

*A layer is a function of its parameters. A model is a pair of functions. Training is a function too, so a
hyperparameter sweep is a `vmap` of it.*

jaxnn is a library for small neural networks on [JAX](https://docs.jax.dev): MLPs and CNNs from iris-sized to
CIFAR-sized, and searches in which thousands of them train side by side.

```python
import jax
import optax

import jaxnn as nn

iris = nn.datasets.iris()


def make_recipe(hypers):
    optimizer = optax.adam(hypers["learning_rate"])
    return nn.Recipe(nn.mlp([4, hypers["width"], 3]), nn.cross_entropy, optimizer)


space = {"learning_rate": nn.log_uniform(1e-4, 1.0), "width": nn.sizes(4, 16)}
key = jax.random.key(0)
result = nn.sweep(make_recipe, space, iris.data, key=key, trials=100, epochs=300, folds=5)
print(result.best.hypers, result.best.score)
```

[Install it](install.md), and start with [your first network](howto/first_network.md) or with
[a table of your own](howto/table.md). If you know another tool, start with
[PyTorch](howto/from_pytorch.md), [Keras](howto/from_keras.md), [Flax](howto/from_flax.md),
[scikit-learn](howto/from_sklearn.md) or [Optuna](howto/from_optuna.md).

The words of the pages: a **recipe** says what is trained and how; **hypers** are the hyperparameters of a training; a
**trial** is all trainings of one setting of them; a **lane** is a slot of a compiled program in which trials train.
"""


def find_howto(name: str) -> Path:
    """Returns the file of a how-to."""
    return Path(__file__).parents[1] / "howto" / f"{name}.py"


def write_index(sources: Path, reference: list[str]) -> None:
    """Writes the first page with the tables of contents."""
    parts = [link_names(_TEXT)]
    for caption, names in PARTS.items():
        parts.append(_make_contents(caption, [f"howto/{name}" for name in names]))
    parts.append(_make_contents("Reference", [f"reference/{name}" for name in reference]))
    parts.append(_make_contents("More", ["install", "benchmarks"]))
    (sources / "index.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def copy_install(sources: Path) -> None:
    """Makes a page of the README's section about the installation, with the table of extras."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    [section] = re.findall(r"^## Install\n(.*?)^## ", readme, flags=re.DOTALL | re.MULTILINE)
    (sources / "install.md").write_text(f"# Install\n{link_names(section)}", encoding="utf-8")


def copy_benchmarks(sources: Path) -> None:
    """Copies the page of the benchmarks, from which the how-tos have their figures."""
    experiments = Path(__file__).parents[1]
    text = (experiments / "benchmarks" / "README.md").read_text(encoding="utf-8")
    (sources / "benchmarks.md").write_text(text.replace("(../benchmarks.png)", "(benchmarks.png)"), encoding="utf-8")
    (sources / "benchmarks.png").write_bytes((experiments / "benchmarks.png").read_bytes())


def _make_contents(caption: str, pages: list[str]) -> str:
    return "\n".join([f"## {caption}", "", "```{toctree}", f":caption: {caption}", ":maxdepth: 1", "", *pages, "```"])
