"""How a part of the notes is told: its figures beside those of the notes, its pictures, and the code that did it."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from experiments import common

FACTS: dict[str, Any] = json.loads(Path(__file__).with_name("figures.json").read_text(encoding="utf-8"))


@dataclasses.dataclass(frozen=True)
class Config:
    """Nothing to choose in this part."""


class Picture(NamedTuple):
    """Where it lies, and what there is to see."""

    path: Path
    caption: str


class Part(NamedTuple):
    """One part of the notes.

    Attributes:
        notes: its name among the facts.
        text: a title line, an empty line, and a few sentences: the docstring of its file.
        figures: the computed values by quantity: those of the facts under their names there, and others.
        draw: writes the pictures, with the reader's choices.
        code: the functions to show.
        config: the reader's choices.
    """

    notes: str
    text: str | None
    figures: Callable[[], Mapping[str, Any]]
    draw: Callable[[Any], list[Picture]]
    code: tuple[Callable[..., Any], ...]
    config: type[Config] = Config

    @property
    def title(self) -> str:
        return (self.text or "").split("\n", 1)[0]


class Row(NamedTuple):
    """A quantity beside its value in the notes.

    Attributes:
        quantity: its name.
        notes: the value that the notes show; of what they do not show the exact one.
        computed: by this library.
        shown: whether the notes show it.
        remark: why the notes' own value is off by more than its rounding.
    """

    quantity: str
    notes: np.ndarray | None
    computed: np.ndarray
    shown: bool
    remark: str

    @property
    def difference(self) -> float | None:
        """The largest of the entries' differences, without their signs."""
        return None if self.notes is None else float(np.abs(self.computed - self.notes).max())


def watch(recipe: nn.Recipe, data: tuple[Any, Any], params: Any, *, steps: int) -> Any:
    """The parameters at the start and after each of the steps that `fit` takes: a first axis of steps + 1."""

    def one(state: nn.TrainingState, _) -> tuple[nn.TrainingState, Any]:
        after, _ = nn.advance(recipe, data, state, epochs=1)
        return after, after.params

    start = nn.init_training(recipe, jax.random.key(0), params=params)
    _, path = jax.lax.scan(one, start, length=steps)
    return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), start.params, path)


def finish(drawing: Any, name: str, caption: str) -> Picture:
    """Save a picture, its plots with a grid, and with a legend where lines have names."""
    for axes in drawing.axes:
        if axes.axison and axes.name == "rectilinear" and len(axes.get_xticks()):
            axes.grid(alpha=0.3)
        named = {name: line for line, name in zip(*axes.get_legend_handles_labels(), strict=True)}
        if named and axes.get_legend() is None:
            axes.legend(named.values(), named.keys(), fontsize="small")
    return Picture(common.save(drawing, "notes", name), caption)


def rows(part: Part) -> list[Row]:
    """The part's table: what the notes show or imply first, then what was computed besides."""
    computed = part.figures()
    facts = {fact["name"]: fact for fact in FACTS[part.notes]["figures"]}
    table = []
    for name in [*facts, *(name for name in computed if name not in facts)]:
        fact = facts.get(name, {"shown": None, "computed": None})
        shown = fact["shown"] is not None
        notes = fact["shown"] if shown else fact["computed"]
        table.append(
            Row(
                name,
                None if notes is None else np.asarray(notes, float),
                np.asarray(computed[name], float),
                shown,
                fact.get("loose", ""),
            )
        )
    return table


def written(values: np.ndarray | None, digits: int = 6) -> str:
    """Numbers as text, a line for each row of a matrix."""
    if values is None:
        return "–"
    lines = np.atleast_1d(values).reshape(-1, values.shape[-1] if values.ndim else 1)
    # Adding 0 turns the -0.0 of a product into a plain 0.
    return "\n".join(", ".join(f"{value + 0.0:.{digits}g}".replace("-", "−") for value in line) for line in lines)


def tell(part: Part) -> None:
    """Print the part's table, draw its pictures with the reader's choices, and say where they are."""
    common.command(part.config, lambda config: _tell(part, config))


def _tell(part: Part, config: Config) -> None:
    print(part.title, f"{'quantity':48} {'notes':>24} {'computed':>32} {'difference':>10}", sep="\n\n")
    for row in rows(part):
        notes = written(row.notes) if row.shown or row.notes is None else f"({written(row.notes)})"
        cells = [
            cell if "\n" not in cell and len(cell) < 60 else _shape(row) for cell in (notes, written(row.computed))
        ]
        difference = "–" if row.difference is None else f"{row.difference:.1e}"
        print(f"{row.quantity:48} {cells[0]:>24} {cells[1]:>32} {difference:>10}", "*" if row.remark else "")
    print("\nIn brackets: exact values that the notes do not show. *: the notes' own rounding, see the page.\n")
    pictures = part.draw(config)
    print(*(picture.caption for picture in pictures), sep="\n")
    common.say_where([picture.path for picture in pictures])


def _shape(row: Row) -> str:
    return " × ".join(map(str, row.computed.shape)) + " numbers"
