"""How make_recipe may use its hypers: errors that name the hyper and the cure, and no false warnings."""

import warnings

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn

X = np.linspace(0, 1, 8, dtype="f")[:, None]
SPACE = {"rate": nn.log_uniform(1e-3, 1e-1), "n": nn.integers(1, 3)}


def sweep(use, space=SPACE):
    def make_recipe(hypers):
        use(hypers)
        return nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(hypers["rate"]))

    options = {"trials": 2, "epochs": 1, "validation": (X, X), "progress": False, "lanes": 2}
    return nn.sweep(make_recipe, space, (X, X), key=jax.random.key(0), **options)


NEEDS_THE_VALUE = {
    "a list of layers": (lambda h: [8] * h["n"], "n"),
    "a range": (lambda h: list(range(h["n"])), "n"),
    "text": (lambda h: f"{h['rate']:.3e}", "rate"),
    "an index": (lambda h: [1, 2, 4, 8][h["n"]], "n"),
    "int": (lambda h: int(h["n"]), "n"),
    "float": (lambda h: float(h["rate"]), "rate"),
    "a branch": (lambda h: 1 if h["rate"] > 0.01 else 2, "rate"),
    "NumPy": (lambda h: np.log(h["rate"]), "rate"),
    "a shape": (lambda h: np.zeros(h["n"]), "n"),
    "a slice": (lambda h: X[: h["n"]], "n"),
    "a key of a dict": (lambda h: {1: "a", 2: "b", 3: "c"}[h["n"]], "n"),
}


@pytest.mark.filterwarnings("ignore:sweep. make_recipe does not use")
@pytest.mark.parametrize("name", NEEDS_THE_VALUE)
def test_a_use_that_needs_the_value_names_the_hyper_and_the_cure(name: str) -> None:
    use, hyper = NEEDS_THE_VALUE[name]
    with pytest.raises(
        ValueError, match=rf"make_recipe needs the value of '{hyper}' while .*: make it a choice\("
    ) as e:
        sweep(use)
    assert e.value.__cause__ is not None


@pytest.mark.parametrize(
    "use",
    [
        lambda h: h.pop("n"),
        lambda h: h.pop("n", 3),
        lambda h: h.get("n"),
        lambda h: dict(h),
        lambda h: {**h},
        lambda h: h | {"more": 1},
        lambda h: h.copy(),
        lambda h: list(h.values()),
        lambda h: h.keys() - {"rate"},
        lambda h: h.setdefault("n", 1),
        lambda h: "n" in h,
    ],
)
def test_every_way_of_reading_counts_as_use(use) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(sweep(use).trials) == 2


@pytest.mark.parametrize("read", [lambda h: h["width"], lambda h: h.pop("width")])
def test_a_missing_name_names_those_of_the_space(read) -> None:
    with pytest.raises(ValueError, match="make_recipe reads 'width', but the space has 'rate', 'n'"):
        sweep(read)


def test_an_error_of_the_users_own_is_raised_as_it_is() -> None:
    def fail(hypers):
        raise RuntimeError("no such model")

    with pytest.raises(RuntimeError, match="no such model"):
        sweep(fail)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.integers(0, 2**24 + 1), r"integers: low and high must be at most 2\^24 in size"),
        (lambda: nn.log_uniform(1e-50, 1.0), r"log_uniform: low must be at least 1\.2e-38"),
        (lambda: nn.log_normal(80, 5), "log_normal: values between .* do not fit float32; mean and std are of the log"),
        (lambda: nn.normal(3e38, 1e38), "normal: values between .* do not fit float32"),
        (lambda: nn.uniform(0.0, 1e39), r"uniform: high must be at most 3\.4e\+38 in size"),
    ],
)
def test_distributions_beyond_float32_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def sweep_schedule(schedule):
    """Sweeps with a learning rate that reads the hypers when the compiled step calls it."""

    def make_recipe(hypers):
        return nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(lambda step: schedule(hypers)))

    options = {"trials": 2, "epochs": 1, "validation": (X, X), "progress": False, "lanes": 2}
    return nn.sweep(make_recipe, SPACE, (X, X), key=jax.random.key(0), **options)


def test_a_hyper_that_only_a_schedule_reads_counts_as_used() -> None:
    assert len(sweep_schedule(lambda h: h["rate"] / h["n"]).trials) == 2
    with pytest.warns(UserWarning, match=r"make_recipe does not use 'n'$"):
        sweep_schedule(lambda h: h["rate"])


@pytest.mark.filterwarnings("ignore:sweep. make_recipe does not use")
def test_a_schedule_that_needs_the_value_names_the_hyper() -> None:
    with pytest.raises(ValueError, match=r"needs the value of 'rate' .* multiply a fixed schedule by it"):
        sweep_schedule(lambda h: 0.1 if h["rate"] > 0.01 else 0.2)
