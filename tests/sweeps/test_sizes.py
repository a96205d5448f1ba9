"""Traced widths, depths and functions: a masked network trains as the narrow one, in one program for all."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.compilations import Compilations
from helpers.resumable_runs import InjectedError, assert_same_bits, assert_same_sweep
from helpers.running_mean import hidden_model
from jaxnn.sweeps import Setting
from jaxnn.sweeps.engine.trim import find_entries, pad, trim
from jaxnn.sweeps.samplers import GridSampler
from jaxnn.sweeps.space.fill import fill_space
from jaxnn.sweeps.space.segments import divide
from jaxnn.sweeps.space.space import dimensions, settings_at
from jaxnn.sweeps.space.traced import count_programs, fill_traced
from jaxnn.units import Size

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(24, 3)), np.arange(24) % 2
# Two poolings leave 1 × 2 positions: the units of a channel are not next to one another when flattened.
SERIES = RNG.normal(size=(24, 5, 2)), np.arange(24) % 2
IMAGES = RNG.normal(size=(12, 4, 8, 1)), np.arange(12) % 2


def own_model(width: Any) -> nn.Model:
    """A residual network with layer norm and dropout, by the user's own functions."""

    def init(key: jax.Array) -> dict:
        keys = jax.random.split(key, 3)
        initializer = jax.nn.initializers.glorot_normal()
        return {
            "in": nn.init_dense(keys[0], 3, width, initializer=nn.initializers.glorot_uniform),
            "norm": nn.init_layer_norm(width),
            "mix": nn.init_dense(keys[1], width, width, initializer=initializer),
            "out": nn.init_dense(keys[2], width, 2, initializer=nn.initializers.lecun_normal),
        }

    def apply(params: dict, x: Any, *, key: Any = None) -> jax.Array:
        hidden = nn.mask_units(nn.softplus(nn.dense(params["in"], x)), width)
        normed = nn.layer_norm(params["norm"], hidden, size=width)
        normed = nn.dropout(key, normed, 0.3) if key is not None else normed
        hidden = hidden + nn.mask_units(nn.sigmoid(nn.dense(params["mix"], normed)), width)
        return nn.dense(params["out"], hidden)

    return nn.Model(init, apply)


def cnn(h: dict) -> nn.Model:
    return nn.cnn((4, 8, 1), (h["a"], h["b"]), 2, hidden=(h["b"],), activation=nn.softplus, dropout=h["rate"])


# make_model(hypers), the space of sizes, the values of a trial (none of them the largest), and the data.
def recurrent_model(width: Any) -> nn.Model:
    def init(key: jax.Array) -> Any:
        keys = jax.random.split(key, 2)
        return {"gru": nn.init_gru(keys[0], 2, width), "out": nn.init_dense(keys[1], width, 2)}

    return nn.Model(init, lambda params, x, *, key=None: nn.dense(params["out"], nn.gru(params["gru"], x)[:, -1]))


NETWORKS = {
    "mlp": (
        lambda h: nn.mlp([3, h["a"], h["b"], 2], activation=nn.softplus),
        {"a": nn.sizes(2, 8), "b": nn.sizes(2, 6)}, {"a": 5.0, "b": 3.0}, TABLE,
    ),
    "dropout": (
        lambda h: nn.mlp([3, h["a"], h["a"], 2], activation=nn.softplus, dropout=0.4),
        {"a": nn.sizes(2, 8)}, {"a": 5.0}, TABLE,
    ),
    "buffers": (lambda h: hidden_model(h["a"], 3, 2), {"a": nn.sizes(2, 8)}, {"a": 5.0}, TABLE),
    "batch norm": (
        lambda h: nn.cnn((4, 8, 1), (h["a"],), 2, norm="batch", activation=nn.softplus),
        {"a": nn.sizes(1, 4)}, {"a": 2.0}, IMAGES,
    ),
    "own model": (lambda h: own_model(h["a"]), {"a": nn.sizes(2, 8)}, {"a": 5.0}, TABLE),
    "gru": (lambda h: recurrent_model(h["a"]), {"a": nn.sizes(2, 5)}, {"a": 3.0}, SERIES),
    "cnn": (cnn, {"a": nn.sizes(1, 4), "b": nn.sizes(1, 5), "rate": 0.0}, {"a": 2.0, "b": 3.0}, IMAGES),
    "cnn dropout": (cnn, {"a": nn.sizes(1, 4), "b": nn.sizes(1, 5), "rate": 0.4}, {"a": 2.0, "b": 3.0}, IMAGES),
    "depth": (
        lambda h: nn.mlp([3, *[h["a"]] * h["n"], 2], activation=nn.softplus, dropout=0.2),
        {"a": nn.sizes(2, 8), "n": nn.depth(1, 4)}, {"a": 5.0, "n": 2.0}, TABLE,
    ),
    "depth of a constant width, and switch": (
        lambda h: nn.mlp([3, *[4] * h["n"], 2], activation=h["act"]),
        {"n": nn.depth(2, 4), "act": nn.switch(nn.relu, nn.softplus, jax.nn.tanh)}, {"n": 3.0, "act": 1.0}, TABLE,
    ),
}  # fmt: skip


def make_networks(name: str) -> tuple[nn.Model, nn.Model, Any, Any]:
    """Returns a masked network, the narrow one, which entries of its parameters are real, and the data."""
    make_model, space, values, data = NETWORKS[name]
    masked, marks = (make_model(fill_traced(space, (), values, marks=marks)) for marks in (False, True))
    narrow = make_model(fill_space(space, (), values))
    key = jax.random.key(0)
    return masked, narrow, find_entries(jax.jit(marks.init)(key), jax.eval_shape(narrow.init, key)), data


@pytest.mark.parametrize("name", NETWORKS)
def test_a_masked_network_trains_as_the_narrow_one(name: str, x64: None) -> None:
    masked, narrow, entries, data = make_networks(name)
    params = jax.tree.map(np.asarray, jax.jit(masked.init)(jax.random.key(1)))
    start = trim(params, entries)
    # The optimizer has a norm over all parameters, which masked entries must not enter.
    optimizer = optax.chain(optax.clip_by_global_norm(0.5), optax.adamw(0.01, weight_decay=0.1))

    def fit(model: nn.Model, params: Any) -> nn.FitResult:
        recipe = nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=len(data[1]) // 2)
        return nn.fit(recipe, data, key=jax.random.key(2), epochs=50, params=params)

    @jax.jit
    def fit_both(params: Any, start: Any) -> Any:
        fitted, alone = fit(masked, params), fit(narrow, start)
        return fitted, alone, *(pad(tree, entries, params) for tree in (start, alone.params))

    fitted, alone, padded_start, expected = fit_both(params, start)
    # Entries beyond the narrow network are 0 from the start.
    jax.tree.map(np.testing.assert_array_equal, params, padded_start)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) > sum(leaf.size for leaf in jax.tree.leaves(start))
    np.testing.assert_allclose(fitted.losses, alone.losses, rtol=1e-10)
    assert alone.losses[-1] < alone.losses[0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-10), fitted.params, expected)


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (nn.initializers.he_normal, 2 / 20),
        (nn.initializers.lecun_normal, 1 / 20),
        (nn.initializers.glorot_uniform, 2 / (20 + 30)),
        (jax.nn.initializers.he_uniform(), 2 / 20),
        (jax.nn.initializers.variance_scaling(3.0, "fan_out", "truncated_normal"), 3 / 30),
        (jax.nn.initializers.variance_scaling(1.0, "fan_geo_avg", "normal"), 1 / 600**0.5),
        (jax.nn.initializers.normal(0.5), 0.25),
        (nn.initializers.zeros, 0.0),
    ],
)
def test_initial_weights_have_the_variance_of_the_narrow_network(initializer: Any, variance: float) -> None:
    inputs, outputs = Size(jnp.array(20), 100), Size(jnp.array(30), 200)
    weight = nn.init_conv(jax.random.key(0), inputs, outputs, (1,), initializer=initializer).weight[0]
    assert not weight[20:].any()
    assert not weight[:, 30:].any()
    np.testing.assert_allclose(weight[:20, :30].var(), variance, rtol=0.15)


def recipe_of(h: dict) -> nn.Recipe:
    model = nn.mlp([3, *[h["width"]] * h["depth"], 2], activation=h["act"])
    return nn.Recipe(model, nn.cross_entropy, optax.adam(h["rate"]), batch_size=h.get("batch_size", 6))


SPACE = {
    "rate": nn.log_uniform(1e-3, 1e-1),
    "width": nn.sizes(2, 9),
    "depth": nn.depth(1, 3),
    "act": nn.switch(nn.relu, nn.tanh),
}
DATA = TABLE[0].astype("f"), TABLE[1].astype("i4")


def sweep(space: dict = SPACE, make: Any = recipe_of, **options: Any) -> nn.SweepResult:
    defaults = {"key": jax.random.key(0), "trials": 8, "epochs": 4, "folds": 2, "lanes": 8, "progress": False}
    return nn.sweep(make, space, DATA, **(defaults | options))


@pytest.fixture(scope="module")
def swept() -> nn.SweepResult:
    return sweep(score=nn.accuracy, keep=8)


def test_a_sweep_of_shapes_is_one_program_and_its_results_are_plain(swept: nn.SweepResult) -> None:
    assert len(swept.programs) == 1
    shapes = set()
    for row in swept.table():
        hypers = swept.hypers_of(row["trial"])
        assert (type(hypers["width"]), type(hypers["depth"])) == (int, int)
        assert hypers["act"] in (nn.relu, nn.tanh)
        assert (row["width"], row["depth"], row["act"]) == (hypers["width"], hypers["depth"], hypers["act"].__name__)
        params = swept.params(row["trial"], lane=0)
        narrow = jax.eval_shape(recipe_of(hypers).model.init, jax.random.key(0))
        assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, narrow)
        shapes.add((hypers["width"], hypers["depth"], row["act"]))
    assert len(shapes) > 4
    columns = {column.path: column for column in swept.columns()}
    assert (columns["act"].options, columns["width"].logarithmic) == (("relu", "tanh"), True)
    assert set(swept.importance()) == set(SPACE)
    assert swept.predict(DATA[0][:5], best=3).shape == (5, 2)


def test_the_parameters_of_every_trial_score_as_recorded(swept: nn.SweepResult) -> None:
    rows = swept.plan.folds
    for trial in swept.trials:
        model = swept.recipe_of(trial.trial).model
        for lane in range(2):
            picked = rows.validation[lane][rows.mask[lane]]
            outputs = nn.predict(model, swept.params(trial.trial, lane=lane), DATA[0][picked])
            np.testing.assert_allclose(nn.accuracy(outputs, DATA[1][picked]), trial.curves.scores[lane, -1], rtol=1e-6)


def test_the_bits_of_a_trial_do_not_depend_on_its_neighbours(swept: nn.SweepResult) -> None:
    # A replay has its lanes for itself.
    for trial in (0, 5):
        again = swept.replay(trial)
        assert_same_bits(again.params, swept.kept[trial])
        assert_same_bits(again.curves, swept.trials[trial].curves)


def test_a_resumed_sweep_of_shapes_has_the_same_bits(tmp_path: Any, swept: nn.SweepResult) -> None:
    ended = []

    def interrupt(trial: int, _: dict) -> None:
        ended.append(trial)
        if len(ended) == 3:
            raise InjectedError

    options = {"score": nn.accuracy, "keep": 8, "directory": tmp_path, "save_every": 1e-6}
    with pytest.raises(InjectedError):
        sweep(log=interrupt, **options)
    assert_same_sweep(sweep(**options), swept)
    assert "width" in (tmp_path / "trials.csv").read_text()


def test_a_population_inherits_shapes(tmp_path: Any) -> None:
    options = {"scheduler": nn.population_based(perturbation_interval=1), "folds": None, "validation": DATA, "keep": 8}
    result = sweep(epochs=5, directory=tmp_path, **options)
    copies = [copy for trial in result.trials for copy in trial.copies]
    for epoch, parent, values in copies:
        before = [copied for copy_epoch, _, copied in result.trials[parent].copies if copy_epoch < epoch]
        inherited = (before or [result.trials[parent].setting.values])[-1]
        assert {path: values[path] for path in values if path != "rate"} == {
            path: inherited[path] for path in values if path != "rate"
        }
    assert any(trial.setting.values["width"] != trial.copies[-1][2]["width"] for trial in result.trials if trial.copies)
    assert any(values["rate"] != result.trials[parent].setting.values["rate"] for _, parent, values in copies)
    for trial in result.trials:
        model = result.recipe_of(trial.trial).model
        outputs = nn.predict(model, result.params(trial.trial, lane=0), DATA[0])
        np.testing.assert_allclose(-nn.cross_entropy(outputs, DATA[1]).mean(), trial.score, rtol=1e-4)
    copied = next(trial for trial in result.trials if trial.copies)
    assert_same_bits(result.replay(copied.trial).params, result.kept[copied.trial])
    assert_same_sweep(sweep(epochs=5, directory=tmp_path, **options), result)


def test_a_wide_range_is_divided_and_a_nested_width_is_only_where_it_is_chosen() -> None:
    assert divide({"a": nn.sizes(4, 128)}) == {"a": (128,)}
    (tops,) = divide({"a": nn.sizes(8, 512)}).values()
    assert 8 < tops[0] < tops[1] == 512
    many = divide({name: nn.sizes(4, 4096, step=4) for name in "abc"})
    assert np.prod([len(tops) for tops in many.values()]) <= 4
    space = {"net": nn.choice({"width": nn.sizes(2, 700)}, {"kind": "line"}), "rate": nn.log_uniform(1e-3, 1e-1)}
    tops = divide({0: nn.sizes(2, 700)})[0]
    assert count_programs(space) == 2 * len(tops)

    def make(h: dict) -> nn.Recipe:
        width = h["net"].get("width")
        model = nn.mlp([3, 2] if width is None else [3, width, 2])
        return nn.Recipe(model, nn.cross_entropy, optax.sgd(h["rate"]))

    result = sweep(space, make, sampler="sobol", epochs=1)
    assert 1 < len(result.programs) <= count_programs(space)
    widths = [row["net.width"] for row in result.table() if "net.width" in row]
    column = {column.path: column.values for column in result.columns()}["net.width"]
    np.testing.assert_array_equal(column[~np.isnan(column)], widths)
    for choices, values in (trial.setting for trial in result.trials if "net.width" in trial.setting.values):
        assert dict(choices)["net.width"] == np.searchsorted(tops, values["net.width"])
        top = fill_traced(space, choices, values)["net"]["width"].largest
        assert values["net.width"] <= top == tops[dict(choices)["net.width"]]


@pytest.mark.parametrize(("node", "log"), [(nn.sizes(3, 40, step=3), True), (nn.sizes(1, 7, log=False), False)])
def test_widths_are_drawn_log_uniformly_or_uniformly(node: Any, log: bool) -> None:
    quantiles = (np.arange(20000) + 0.5) / 20000
    widths, counts = np.unique(node.at(quantiles), return_counts=True)
    assert widths.tolist() == list(range(int(node.low), int(node.high) + 1, int(node.step)))
    density = counts / counts.sum()
    expected = np.log((widths + node.step / 2) / (widths - node.step / 2)) if log else np.ones(len(widths))
    # The first and the last value of a logarithmic scale reach out as far as in.
    inner = slice(1, -1)
    np.testing.assert_allclose((density / density[1])[inner], (expected / expected[1])[inner], rtol=0.01)
    for count in (2, 5, node.points):
        assert len(set(node.at(node.levels(count)).tolist())) == count
    assert (node.at(node.levels(node.points)) == widths).all()


def test_a_grid_has_every_width_depth_and_function_once() -> None:
    space = {"width": nn.sizes(1, 4), "depth": nn.depth(1, 2), "act": nn.switch(nn.relu, nn.tanh)}
    settings = GridSampler(16).init(space, jax.random.key(0), None).ask(100)
    assert len({tuple(setting.values.values()) for setting in settings}) == len(settings) == 16
    wide = {"rate": nn.uniform(0, 1), "width": nn.sizes(8, 512)}
    choices = [s.choices for s in GridSampler(30).init(wide, jax.random.key(0), None).ask(30)]
    assert choices == sorted(choices)
    assert len(set(choices)) == 2


def own(initializer: Any) -> Any:
    return lambda h: recipe_of(h)._replace(
        model=nn.Model(
            lambda key: nn.init_dense(key, 3, h["width"], initializer=initializer),
            lambda params, x, *, key=None: nn.dense(params, x)[:, :2],
        )
    )


def optimized(optimizer: Any) -> Any:
    return lambda h: recipe_of(h)._replace(optimizer=optimizer)


def using(use: Any) -> Any:
    return lambda h: (use(h), recipe_of(h))[1]


def shift(updates: Any, state: Any, params: Any = None) -> Any:
    """Updates entries whose gradient is 0, as added noise would."""
    del params
    return jax.tree.map(lambda update: update + 0.1, updates), state


SHIFTED = optax.chain(optax.GradientTransformation(lambda params: (), shift), optax.sgd(0.1))
REFUSED = {
    "an unknown initializer": (own(jax.nn.initializers.orthogonal()), "or not at all, not orthogonal"),
    "an initializer of the user": (own(lambda key, shape: jnp.zeros(shape)), "or not at all, not .*<lambda>"),
    "an int": (using(lambda h: nn.mlp([3, int(h["width"]), 2])), "'width' is a size, which is traced"),
    "half": (using(lambda h: nn.mlp([3, h["width"] // 2, 2])), "'width' is a size.*init_lstm.*a choice"),
    "a comparison": (using(lambda h: h["width"] == 4), "'width' is a size"),
    "a shape": (using(lambda h: np.zeros((2, h["width"]))), "'width' is a size"),
    "a shape of JAX": (using(lambda h: jnp.zeros((2, h["width"]))), "'width'.*where they are traced"),
    "a range": (using(lambda h: list(range(h["depth"]))), r"'depth' is a depth.*\[width\] \* depth"),
    "a branch": (using(lambda h: 1 if h["depth"] else 2), "'depth' is a depth"),
    "convolutions": (
        using(lambda h: nn.cnn((8, 8, 1), [h["width"]] * h["depth"], 2)), "of convolutions cannot be a depth",
    ),
    "adafactor": (optimized(optax.adafactor(0.1)), "clip_by_block_rms.*not as the narrow network"),
    "updates of masked entries": (optimized(SHIFTED), r"optimizer \(test_sizes.shift, "),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_traced_is_refused_by_name_before_anything_compiles(
    name: str, as_installed: None, compilations: Compilations
) -> None:
    make, message = REFUSED[name]
    with compilations() as compiled, pytest.raises(ValueError, match=message):
        sweep(make=make)
    assert not [program for program in compiled if "advance" in program or "start" in program]


def test_entries_that_are_not_masked_are_refused() -> None:
    marks, narrow = {"table": np.ones((2, 4), "f")}, {"table": np.ones((2, 3), "f")}
    with pytest.raises(ValueError, match=r"table of the params.*init_lstm, init_embedding and the inits of norms"):
        find_entries(marks, narrow)


def test_an_optimizer_that_ignores_masked_units_is_taken_and_an_equal_sweep_compiles_nothing(
    compilations: Compilations,
) -> None:
    options = {"make": optimized(optax.lamb(0.1)), "trials": 2, "epochs": 1}
    assert len(sweep(**options).trials) == 2
    with compilations() as compiled:
        sweep(**options | {"key": jax.random.key(1)})
    assert compiled == []


def test_a_switch_of_different_types_is_refused() -> None:
    space = SPACE | {"act": nn.switch(nn.relu, lambda x: nn.relu(x).astype("float16"))}
    with pytest.raises(ValueError, match=r"'act', but not inside .* traced: switch branches must have equal"):
        sweep(space)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.sizes(0, 4), ValueError, "sizes: low must be at least 1, not 0"),
        (lambda: nn.sizes(1.5, 4), ValueError, "whole numbers"),
        (lambda: nn.sizes(4, 8, step=5), ValueError, "step must be at most high - low = 4, not 5"),
        (lambda: nn.sizes(4, 8, step=0.5), TypeError, "step must be a whole number"),
        (lambda: nn.depth(0, 4), ValueError, "depth: low must be at least 1"),
        (lambda: nn.switch(nn.relu), ValueError, "at least two functions"),
        (lambda: nn.switch(nn.relu, 3), TypeError, "function 1 must be a function, not 3"),
        (lambda: nn.mask_units(jnp.ones((2, 3)), Size(jnp.array(1), 4)), ValueError, r"\(batch, …, 4\)"),
        (lambda: nn.mlp([Size(jnp.array(1), 4), 3]), TypeError, "sizes"),
    ],
)
def test_wrong_arguments(make: Any, error: type[Exception], message: str, as_installed: None) -> None:
    with pytest.raises(error, match=message):
        make()


class Listed(nn.sweeps.TrialSampler):
    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def init(self, space: dict, key: Any, lanes: Any) -> Any:
        return self

    def ask(self, n: int) -> list[Setting]:
        return [self.setting] * n


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (Setting((), {"w": 10.0}), "divided into 2 segments"),
        (Setting((("w", 1),), {"w": 10.0}), "does not lie in segment 1"),
        (Setting((("w", 0),), {"w": 3.0}), "must be one of the whole numbers"),
        (Setting((("w", 0),), {"w": 10.5}), "must be one of the whole numbers"),
    ],
)
def test_a_width_that_the_space_lacks_is_refused(setting: Setting, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sweep({"w": nn.sizes(8, 512)}, sampler=Listed(setting))


def test_whole_numbers_are_traced_as_int32_and_are_ints_in_results() -> None:
    seen = []

    def make(h: dict) -> nn.Recipe:
        seen.append(h["n"])
        return nn.Recipe(nn.mlp([3, 2]), nn.cross_entropy, optax.sgd(0.1 * 0.5 ** h["n"]))

    result = sweep({"n": nn.integers(0, 3)}, make, trials=3, epochs=1)
    assert {n.dtype for n in seen if isinstance(n, jax.core.Tracer)} == {np.dtype(np.int32)}
    assert type(result.best.hypers["n"]) is int


def test_many_programs_are_announced_before_the_first_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxnn.sweeps.search.make_sampler", lambda *_: Listed(None))
    space = {"a": nn.choice(*range(3)), "b": nn.choice(*range(3))}
    with (
        pytest.warns(UserWarning, match="has 9 combinations of choices; each.* 1 minute.; sizes"),
        pytest.raises(TypeError, match="must return Settings"),
    ):
        sweep(space, trials=20)
    # Warnings are errors here.
    with pytest.raises(TypeError, match="must return Settings"):
        sweep(space, trials=8)
    monkeypatch.setattr("jaxnn.sweeps.arguments._MANY_PROGRAMS", 7)
    with (
        pytest.warns(UserWarning, match="9 combinations of choices, of which 8 trials draw up to 8"),
        pytest.raises(TypeError, match="must return Settings"),
    ):
        sweep(space, trials=8)


def test_without_sizes_a_model_is_traced_as_its_layers() -> None:
    model, x = nn.mlp([3, 5, 4, 2]), DATA[0]

    def apply(params: dict, x: Any) -> Any:
        hidden = nn.relu(nn.dense(params["hidden_2"], nn.relu(nn.dense(params["hidden_1"], x))))
        return nn.dense(params["output"], hidden)

    params = jax.eval_shape(model.init, jax.random.key(0))
    assert str(jax.make_jaxpr(model.apply)(params, x)) == str(jax.make_jaxpr(apply)(params, x))
    assert nn.mlp([3, 7, 9, 2]).apply == model.apply  # equal models share compiled programs
    assert [path for path, *_ in dimensions(SPACE)] == [*SPACE]
    assert settings_at(SPACE, np.full((1, 4), 0.5))[0].choices == ()


def test_weights_of_a_size_that_are_drawn_by_hand_are_refused_with_the_cure(as_installed: None) -> None:
    def make_recipe(hypers: dict) -> nn.Recipe:
        model = nn.Model(lambda key: jax.random.normal(key, (3, hypers["width"])), lambda params, x, *, key=None: x)
        return nn.Recipe(model, nn.squared_error, optax.sgd(0.1))

    data = jnp.ones((4, 3)), jnp.ones((4, 3))
    with pytest.raises(ValueError, match=r"<size 'width': no shape; init_dense\(...\) makes weights and a bias of it"):
        nn.sweep(
            make_recipe, {"width": nn.sizes(3, 4)}, data, key=jax.random.key(0), trials=2, epochs=1, validation=data
        )
