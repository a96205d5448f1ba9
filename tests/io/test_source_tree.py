"""Run directories work from a source tree that is not installed, in a process that finds no metadata of jaxnn."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jaxnn as nn

PROGRAM = """
import importlib.metadata, sys
try:
    importlib.metadata.version("jaxnn")
except importlib.metadata.PackageNotFoundError:
    print("not installed")
import jax, optax, jaxnn as nn
flowers = nn.datasets.iris()
recipe = nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.adam(0.01))
options = {"key": jax.random.key(0), "epochs": 3, "progress": False}
first = nn.train(recipe, flowers.data, directory=sys.argv[1], **options)
again = nn.train(recipe, flowers.data, directory=sys.argv[1], **options)
assert first.losses.tobytes() == again.losses.tobytes()
print(nn.__file__)
"""


def link_without_metadata(folder):
    """Fills a folder with links to every installed package and to jaxnn's source, but not to jaxnn's metadata."""
    folder.mkdir()
    (folder / "jaxnn").symlink_to(Path(nn.__file__).parent)
    for site in map(Path, sys.path):
        if site.name in ("site-packages", "dist-packages") and site.is_dir():
            for entry in site.iterdir():
                link = folder / entry.name
                if "jaxnn" not in entry.name and not link.exists():
                    link.symlink_to(entry)


def test_a_source_tree_trains_with_a_directory(tmp_path):
    packages, run = tmp_path / "packages", tmp_path / "run"
    link_without_metadata(packages)
    # -S: no site-packages, and so none of the metadata in it; -P: no working directory either.
    command = [sys.executable, "-S", "-P", "-c", PROGRAM, str(run)]
    environment = os.environ | {"PYTHONPATH": str(packages)}
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines() == ["not installed", str(packages / "jaxnn" / "__init__.py")]
    configuration = json.loads((run / "configuration.json").read_text())["configuration"]
    assert configuration["jaxnn"] == nn.__version__
