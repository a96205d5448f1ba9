"""What all parts of the notes share: a table of computed and noted values, pictures, and the code that made them."""

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
    """This part has no options."""


class Picture(NamedTuple):
    """A picture's path and caption."""

    path: Path
    caption: str


class Part(NamedTuple):
    """One part of the notes.

    Attributes:
        notes: its name in figures.json.
        text: the docstring of its file: a title line, an empty line, and a few sentences.
        figures: returns the computed values by quantity, with the names of figures.json for those that it has.
        draw: draws the pictures, given the options.
        code: the functions whose source the page shows.
        config: the class of the options.
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
    """A quantity with its value in the notes and its computed value.

    Attributes:
        quantity: its name.
        notes: the value that the notes show, or else the exact value that they imply; None if they have neither.
        computed: the value that this library computes.
        shown: whether the notes show it.
        remark: why the notes' value differs by more than its rounding.
    """

    quantity: str
    notes: np.ndarray | None
    computed: np.ndarray
    shown: bool
    remark: str

    @property
    def difference(self) -> float | None:
        """The largest absolute difference of the entries."""
        return None if self.notes is None else float(np.abs(self.computed - self.notes).max())


def record_path(recipe: nn.Recipe, data: tuple[Any, Any], params: Any, *, steps: int) -> Any:
    """Takes the steps of `fit` and returns all parameters, with a first axis of steps + 1 that includes the start."""

    def step(state: nn.TrainingState, _) -> tuple[nn.TrainingState, Any]:
        after, _ = nn.advance(recipe, data, state, epochs=1)
        return after, after.params

    start = nn.init_training(recipe, jax.random.key(0), params=params)
    _, path = jax.lax.scan(step, start, length=steps)
    return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), start.params, path)


def finish(drawing: Any, name: str, caption: str) -> Picture:
    """Adds grids and missing legends to the plots of a figure, and saves it."""
    for axes in drawing.axes:
        if axes.axison and axes.name == "rectilinear" and len(axes.get_xticks()):
            axes.grid(alpha=0.3)
        named = {name: line for line, name in zip(*axes.get_legend_handles_labels(), strict=True)}
        if named and axes.get_legend() is None:
            axes.legend(named.values(), named.keys(), fontsize="small")
    return Picture(common.save(drawing, "notes", name), caption)


def make_rows(part: Part) -> list[Row]:
    """Returns the part's table: first the quantities of the notes, then the others that were computed."""
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


def format_numbers(values: np.ndarray | None, digits: int = 6) -> str:
    """Returns numbers as text, with one line per row of a matrix."""
    if values is None:
        return "–"
    lines = np.atleast_1d(values).reshape(-1, values.shape[-1] if values.ndim else 1)
    # Adding 0.0 turns -0.0 into 0.0.
    return "\n".join(", ".join(f"{value + 0.0:.{digits}g}".replace("-", "−") for value in line) for line in lines)


def run_part(part: Part) -> None:
    """Runs a part as a command: prints its table, and draws its pictures with the options of the command line."""
    common.run_command(part.config, lambda config: _print_and_draw(part, config))


def _print_and_draw(part: Part, config: Config) -> None:
    print(part.title, f"{'quantity':48} {'notes':>24} {'computed':>32} {'difference':>10}", sep="\n\n")
    for row in make_rows(part):
        notes = format_numbers(row.notes) if row.shown or row.notes is None else f"({format_numbers(row.notes)})"
        cells = [
            cell if "\n" not in cell and len(cell) < 60 else _describe_shape(row)
            for cell in (notes, format_numbers(row.computed))
        ]
        difference = "–" if row.difference is None else f"{row.difference:.1e}"
        print(f"{row.quantity:48} {cells[0]:>24} {cells[1]:>32} {difference:>10}", "*" if row.remark else "")
    print("\nIn brackets: exact values that the notes do not show. *: the notes' own rounding, see the page.\n")
    pictures = part.draw(config)
    print(*(picture.caption for picture in pictures), sep="\n")
    common.print_pictures([picture.path for picture in pictures])


def _describe_shape(row: Row) -> str:
    return " × ".join(map(str, row.computed.shape)) + " numbers"
