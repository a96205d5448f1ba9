"""`load`: the result of a sweep from its directory, for analysis without the code that made it."""

from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

from jaxnn._checks.paths import check_path
from jaxnn.buffers import Buffer, Frozen
from jaxnn.io.runs.stored import list_runs, read_run
from jaxnn.layers.attention import MultiHeadAttentionParams
from jaxnn.layers.batch_norm import BatchNormParams
from jaxnn.layers.dense import Affine
from jaxnn.layers.norms import NormParams
from jaxnn.layers.recurrent import RecurrentParams
from jaxnn.layers.transposed_convolution import ConvTransposeParams
from jaxnn.sweeps.engine.trial import TrialLayout
from jaxnn.sweeps.results.guess_layer import guess_layer
from jaxnn.sweeps.results.replay import Programs
from jaxnn.sweeps.results.result import SweepResult
from jaxnn.sweeps.results.stored_trials import Node, get_environment, read_chunks, read_layout, read_saved, read_trials
from jaxnn.sweeps.space.distributions import LogNormal, LogUniform, Normal, Quantized, Uniform
from jaxnn.sweeps.space.fill import active_distributions, fill_space
from jaxnn.sweeps.space.integers import Integers, Seeds
from jaxnn.sweeps.space.space import Choice, Choices, Setting
from jaxnn.sweeps.space.whole import Depths, Inherited, Sizes, Switches

_NODES = {node.__name__: node for node in (
    Uniform, LogUniform, Normal, LogNormal, Quantized, Integers, Seeds, Sizes, Depths, Switches, Choice,
)}  # fmt: skip
_LAYERS: dict[str, Any] = {layer.__name__: layer for layer in (
    Affine, ConvTransposeParams, NormParams, BatchNormParams, Buffer, Frozen, RecurrentParams,
    MultiHeadAttentionParams,
)}  # fmt: skip


def load(directory: str | Path) -> SweepResult:
    """Opens the result of a sweep from its directory, also of one that runs or has not ended.

    It has settings, tables, curves, importance and plots, and the parameters of the kept trials as of the last
    checkpoint: dicts of arrays by name, in which those of a layer are an `Affine`, `NormParams`, … again, and buffers a
    `Buffer`. Functions among the options of the space are their names. What needs code (`recipe_of`,
    `predict`, `replay`) raises ValueError: call `sweep` again with the same arguments and directory for these.

    Args:
        directory: as given to `sweep`.

    Raises:
        ValueError: a directory without a sweep, or one of another version of jaxnn.
        CheckpointError: damaged files.
        OSError: files that cannot be read.

    Example:
        >>> import jax, jaxnn as nn, optax
        >>> line = np.linspace(0, 1, 8, dtype=np.float32)[:, None], np.linspace(0, 3, 8, dtype=np.float32)[:, None]
        >>> def make_recipe(hypers):
        ...     return nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(hypers["rate"]))
        >>> options = {"key": jax.random.key(0), "trials": 4, "epochs": 2, "validation": line, "progress": False}
        >>> result = nn.sweep(make_recipe, {"rate": nn.uniform(0, 1)}, line, directory="rates", **options)
        >>> load("rates").best.hypers == result.best.hypers
        True
    """
    path = check_path("load", directory)
    # Before its first checkpoint a run has results too.
    runs = list_runs("load", path) or [read_run("load", path)]
    runs = [*(run.up_to_checkpoint() for run in runs[:-1]), runs[-1]]
    configuration = runs[-1].configuration
    if configuration.get("kind") != "sweep":
        raise ValueError(f"load: directory={str(directory)!r} holds no sweep")
    space = {
        name[len("space.") :]: _read_node(node) for name, node in configuration.items() if name.startswith("space.")
    }
    plan = cast(Any, SavedPlan(space, read_layout(configuration), configuration, path))
    if "block" in configuration:
        from jaxnn.sweeps.blocks.load import read_blocks  # imported where it is needed, as by `sweep`

        best = read_blocks(path, configuration["keep"])
        kept = {number: _name_layers(params) for number, params in best.params_at_hand().items()}
        return SweepResult(best.sorted_results(), kept, tuple(best.chunks), plan, Programs())
    stored = read_trials(runs, get_environment(runs[-1]))
    # Until a run has ended, its best trials may be those that an earlier one has kept.
    is_done = runs[-1].checkpoint is not None and bool(runs[-1].checkpoint.get("done"))
    saved = read_saved("load", runs, stored, "kept", newest=is_done)
    kept = {number: _name_layers(params) for number, params in saved.items()}
    trials = tuple(trial.result for trial in stored.values())
    return SweepResult(trials, kept, read_chunks(runs), plan, Programs())


class SavedPlan(NamedTuple):
    """What a directory tells of the plan of a sweep: the space, lanes and epochs of a trial, and how it was called."""

    space: dict[str, Any]
    layout: TrialLayout
    configuration: dict[str, Any]
    stored: Path
    preparations: tuple[()] = ()

    @property
    def stratified_by(self) -> str:
        """The name of the labels that the folds are stratified by; empty if they are not."""
        return self.configuration.get("stratified_by", "")

    def hypers(self, setting: Setting) -> dict[str, Any]:
        """Returns the hypers of a setting."""
        return fill_space(self.space, setting.choices, setting.values)

    def inherited(self, choices: Choices) -> tuple[str, ...]:
        """Returns the paths of sizes, depths and switches under these choices."""
        distributions = active_distributions(self.space, choices)
        return tuple(path for path, node in distributions.items() if isinstance(node, Inherited))

    def recipe(self, *_: Any) -> NoReturn:
        """Raises ValueError: recipes are code."""
        raise ValueError(
            "sweep: load opened this result without the code that made it; call sweep with the same arguments and "
            "directory for recipes, predictions and replays"
        )

    recipe_maker = make_program = recipe


def _read_node(described: Any) -> Any:
    """Returns a part of a space from its description."""
    if not isinstance(described, dict):
        return described
    [name, *others], [fields, *_] = (list(each) or [None] for each in (described, described.values()))
    if others or name not in _NODES or not isinstance(fields, dict):
        return {name: _read_node(part) for name, part in described.items()}
    parts: dict[str, Any] = {
        field: tuple(map(_read_node, value)) if isinstance(value, list) else value for field, value in fields.items()
    }
    return _NODES[name](**parts)


def _name_layers(params: Any) -> Any:
    """Returns the parameters of layers of this library as such, and other nodes as dicts."""
    if not isinstance(params, Node):
        return params
    parts = {name: _name_layers(part) for name, part in params.items()}
    layer = guess_layer(parts) if params.kind is None else _LAYERS.get(params.kind)
    # A part that is None has no array.
    return layer(**(dict.fromkeys(layer._fields) | parts)) if layer else parts
