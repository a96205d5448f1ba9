"""The first page, and the order of the others."""

from pathlib import Path

from experiments.docs.pages import link_names

HOWTOS = ("first_network", "sweep")

_TEXT = """
# jaxnn

*A layer is a function of its parameters. A model is a pair of functions. Training is a function too, so a
hyperparameter sweep is a `vmap` of it.*
"""


def write_index(sources: Path, reference: list[str]) -> None:
    """Writes the first page with the tables of contents."""
    howtos = [f"howto/{name}" for name in HOWTOS]
    parts = [link_names(_TEXT), _make_contents("How to", howtos)]
    parts.append(_make_contents("Reference", [f"reference/{name}" for name in reference]))
    (sources / "index.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _make_contents(caption: str, pages: list[str]) -> str:
    return "\n".join(["```{toctree}", f":caption: {caption}", ":maxdepth: 1", "", *pages, "```"])
