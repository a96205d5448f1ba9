"""Strict by default: shapes checked at run time, no rank promotion, no key used twice, warnings are errors."""

import os

import jaxtyping

# Before the first import of jaxnn: from here on every jaxtyping annotation of its functions is checked by beartype.
jaxtyping.install_import_hook("jaxnn", "beartype.beartype")

import contextlib  # noqa: E402
import signal  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from typing import Any  # noqa: E402

import hypothesis  # noqa: E402
import jax  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

jax.config.update("jax_num_cpu_devices", 2)  # sweeps are sharded, whatever the machine
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
# Most of the tests' time is XLA's: what one test has compiled, the next, or the next run, need not compile again.
jax.config.update("jax_compilation_cache_dir", os.path.join(os.path.dirname(__file__), "..", ".pytest_cache", "xla"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
jax.config.update("jax_default_matmul_precision", "highest")  # nothing on a CPU; a GPU would round to TF32

# An example with a new shape compiles, which no deadline foresees; in CI the same examples are drawn every time.
hypothesis.settings.register_profile(
    "jaxnn", deadline=None, max_examples=20, derandomize=bool(os.environ.get("CI")), print_blob=True
)
hypothesis.settings.load_profile("jaxnn")

Compilations = Callable[[], contextlib.AbstractContextManager[list[str]]]
_COMPILE = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def x64() -> Iterator[None]:
    """Double precision for one test. `jax.enable_x64` is the one spelling that jax 0.10 and later share."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def as_installed() -> Iterator[None]:
    """Without the annotations' checks, which would come first: the errors are those that a user sees."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def default_signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM as in a terminal, for this process and those it starts; in the background they are ignored."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def trained() -> Any:
    """The small training of the tests of run directories, undisturbed."""
    from helpers.resumable_runs import train

    return train()


@pytest.fixture(scope="session")
def swept() -> Any:
    """Their small sweep, undisturbed."""
    from helpers.resumable_runs import sweep

    return sweep()


@contextlib.contextmanager
def _compilations() -> Iterator[list[str]]:
    events: list[str] = []

    def listen(event: str, _seconds: float, *, fun_name: str = "", **_: object) -> None:
        if event == _COMPILE:
            events.append(fun_name)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield events
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


@pytest.fixture(scope="session")
def compilations() -> Compilations:
    """`with compilations() as events:` fills a list with the name of each program that XLA compiles meanwhile."""
    with _compilations() as events:
        jax.jit(lambda x: x + 1)(np.ones(1))
    # An event that jax renamed would let every test that counts compilations pass for nothing.
    assert events, f"jax no longer reports {_COMPILE}"
    return _compilations


def words_of(kind: type[Exception], call: Callable[[], object]) -> str:
    """The whole message of the error, of exactly this type, that a call raises."""
    with pytest.raises(kind) as error:
        call()
    assert type(error.value) is kind
    return str(error.value)
