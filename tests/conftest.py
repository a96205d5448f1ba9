"""Strict by default: shapes checked at run time, no rank promotion, no key used twice, warnings are errors."""

import os

import jaxtyping

from helpers import annotations

annotations.install()  # before the first import of jaxnn

import gc  # noqa: E402
import signal  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from typing import Any  # noqa: E402

import hypothesis  # noqa: E402
import jax  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

from helpers.compilations import EVENT, Compilations, record_compilations  # noqa: E402
from helpers.longest_first import let_order_stand, sort_longest_first  # noqa: E402
from helpers.quick_compiler import install, set_compiler  # noqa: E402

jax.config.update("jax_num_cpu_devices", 2)  # sweeps are sharded on every machine
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
# Most of the tests' time is compilation; programs that one test has compiled are reused by the next.
jax.config.update("jax_compilation_cache_dir", os.path.join(os.path.dirname(__file__), "..", ".pytest_cache", "xla"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
jax.config.update("jax_default_matmul_precision", "highest")  # a GPU would round to TF32; CPUs do not change
install()
set_compiler(optimize=False, older_code=True)  # what modules compute when they are imported, too

# No deadline, since an example with a new shape compiles; in CI the same examples are drawn every time.
hypothesis.settings.register_profile(
    "jaxnn", deadline=None, max_examples=20, derandomize=bool(os.environ.get("CI")), print_blob=True
)
hypothesis.settings.load_profile("jaxnn")


def pytest_configure(config: pytest.Config) -> None:
    let_order_stand(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        sort_longest_first(items)


def pytest_collection_finish() -> None:
    """Lets the collector pass over what was imported, and run less often: it took a fifteenth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(tryfirst=True)  # before the fixtures of the test
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Compiles without most of XLA's optimizations, in a quarter of the time, except in tests marked `optimized`.

    Those compare the layers with references, count operations, compare the bits of compiled loops or train for long.
    With `older_code=True` they compile sooner than those of users: loops that are not jaxnn's own as jaxnn's, and all
    with one level of LLVM's optimizations less.
    """
    marker = item.get_closest_marker("optimized")
    older_code = True if marker is None else marker.kwargs.get("older_code", False)
    set_compiler(optimize=marker is not None, older_code=older_code)
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = str(int(marker is None))  # in processes that the test starts


@pytest.fixture
def x64() -> Iterator[None]:
    """Sets double precision for one test. `jax.enable_x64` is the spelling that jax 0.10 and later share."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def as_installed() -> Iterator[None]:
    """Turns off the checks of annotations, which would raise first: the errors are those that users see."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def default_signals() -> Iterator[None]:
    """Handles Ctrl-C and SIGTERM as in a terminal, here and in child processes; background jobs ignore them."""
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# For each module: modules differ in the optimizations of the compiler, which change bits.
@pytest.fixture(scope="module")
def trained() -> Any:
    """The small training of the tests of run directories, uninterrupted."""
    from helpers.resumable_runs import train

    return train()


# For each module: modules differ in the optimizations of the compiler, which change bits.
@pytest.fixture(scope="module")
def swept() -> Any:
    """The small sweep of the tests of run directories, uninterrupted."""
    from helpers.resumable_runs import sweep

    return sweep()


@pytest.fixture(scope="session")
def compilations() -> Compilations:
    """`with compilations() as names:` fills a list with the name of each program that XLA compiles inside the block."""
    with record_compilations() as names:
        jax.jit(lambda x: x + 1)(np.ones(1))
    # If jax renames the event, tests that count compilations must fail and not pass with a count of 0.
    assert names, f"jax no longer reports {EVENT}"
    return record_compilations
