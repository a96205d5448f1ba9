"""What a page says about a run beside its results: its name, when it ran, and in which environment."""

import time
from typing import Any, NamedTuple

from jaxnn.io.runs.fingerprint import PACKAGES, describe_environment
from jaxnn.io.runs.named import name_described
from jaxnn.report.outputs import Outputs

# What the page calls the options of a sweep or a training, and where its configuration has them.
_OPTIONS = {
    "recipe": "make_recipe", "model": "recipe.model", "loss": "recipe.loss", "score": "score", "sampler": "sampler",
    "scheduler": "scheduler", "stopping rule": "stop", "batch size": "recipe.batch_size", "kept epoch": "keep_epoch",
}  # fmt: skip


class About(NamedTuple):
    """What a result does not tell itself.

    Attributes:
        title: the heading of the page.
        directory: of the run; empty without one.
        configuration: of the run, with its environment.
        state: "ended", "unfinished", or "running" while it is written again.
        error: the exception that ended the run, in a line; empty without one.
        written: when the page is made, in seconds since 1970.
        reload: the seconds after which a page of a run that is running reads its file again.
        seconds: of the run in all; None if nothing tells.
        thorough: whether the page has what takes seconds to compute.
        pictures: whether the page shows the inputs of examples.
        outputs: of the best trial, or of the parameters of a training; None if they are not at hand.
    """

    title: str
    directory: str
    configuration: dict[str, Any]
    state: str = "ended"
    error: str = ""
    written: float = 0.0
    reload: float = 0.0
    seconds: float | None = None
    thorough: bool = True
    pictures: bool = False
    outputs: Outputs | None = None


def describe_here(title: str, **options: Any) -> About:
    """Returns what there is to say about a result of this process, without a directory."""
    return About(title, "", options | describe_environment(), written=time.time())


def describe_about(about: About) -> dict[str, Any]:
    """Returns the part of the document that sweeps and trainings share."""
    return {
        "title": about.title,
        "directory": about.directory,
        "state": about.state,
        "error": about.error,
        "written": round(about.written),
        "reload": about.reload,
        "seconds": about.seconds if about.seconds is None else round(about.seconds, 3),
        "facts": [*_list_options(about.configuration), *_list_environment(about.configuration)],
    }


def _list_options(configuration: dict[str, Any]) -> list[tuple[str, str]]:
    found = [(shown, configuration.get(name)) for shown, name in _OPTIONS.items()]
    return [(shown, name_described(value)) for shown, value in found if value is not None]


def _list_environment(configuration: dict[str, Any]) -> list[tuple[str, str]]:
    versions = ", ".join(f"{name} {configuration[name]}" for name in PACKAGES if configuration.get(name))
    cores = configuration.get("cores")
    processor = [configuration.get("processor"), f"{cores} core{'s' * (cores != 1)}" if cores else None]
    facts = {
        "device": configuration.get("device"),
        "processor": ", ".join(filter(None, processor)),
        "precision": "float64" if configuration.get("jax_enable_x64") else "float32",
        "versions": versions,
    }
    return [(name, str(value)) for name, value in facts.items() if value]
