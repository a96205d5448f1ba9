"""Programs are compiled once in a process: found by what they compute, never by the name of a function."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.quick_compiler import set_compiler
from jaxnn._kernels import program_cache
from jaxnn._kernels.digest import digest_program

X = np.random.default_rng(0).normal(size=(24, 3)).astype("f")
DATA = X, X.sum(axis=1, keepdims=True)
FACTOR = 1.0


def make_model(scale):
    def apply(params, x, *, key=None):
        return scale() * nn.dense(params, x)

    return nn.Model(lambda key: nn.init_dense(key, 3, 1), apply)


def make_recipe(scale=lambda: 1.0, rate=0.1):
    return nn.Recipe(make_model(scale), lambda o, t: jnp.square(o - t).sum(axis=-1), optax.sgd(rate))


def train(seed, scale):
    return nn.train(
        make_recipe(scale), DATA, key=jax.random.key(seed), epochs=3, validation=DATA, progress=False
    ).losses


def predict(seed, scale):
    return nn.predict(make_model(scale), nn.Affine(jnp.full((3, 1), seed + 1.0), jnp.zeros(1)), X)


def evaluate(seed, scale):
    params = nn.Affine(jnp.full((3, 1), seed + 1.0), jnp.zeros(1))
    return np.asarray(nn.evaluate(make_recipe(scale), params, DATA, score=lambda o, t: jnp.mean(o))[:2])


def sweep(seed, scale):
    space = {"rate": nn.log_uniform(1e-3 * (seed + 1), 0.1)}
    result = nn.sweep(
        lambda hypers: make_recipe(scale, hypers["rate"]), space, DATA, key=jax.random.key(seed), trials=40 + 9 * seed,
        epochs=2, validation=DATA, lanes=2 * jax.device_count(), progress=False,
    )  # fmt: skip
    return result.curves("losses")


ENTRIES = {"train": train, "predict": predict, "evaluate": evaluate, "sweep": sweep}


@pytest.fixture(params=ENTRIES)
def entry(request):
    return ENTRIES[request.param]


def test_equal_functions_share_a_program(entry, compilations) -> None:
    entry(0, lambda: 1.0)
    entry(1, lambda: 1.0)
    with compilations() as compiled:
        entry(1, lambda: 1.0)
        entry(2, lambda: 2.0 / 2.0)
    assert compiled == []


def test_a_changed_variable_is_never_served_an_old_program(entry, monkeypatch) -> None:
    factor = 1.0
    expected = {value: np.asarray(entry(0, lambda value=value: value)) for value in (1.0, 0.5)}
    assert not np.allclose(expected[1.0], expected[0.5])

    def read_global():
        return FACTOR

    def read_cell():
        return factor

    for scale in (read_global, read_cell):
        np.testing.assert_array_equal(entry(0, scale), expected[1.0])
        monkeypatch.setattr("test_compile_once.FACTOR", 0.5)
        factor = 0.5
        np.testing.assert_array_equal(entry(0, scale), expected[0.5])
        monkeypatch.setattr("test_compile_once.FACTOR", 1.0)
        factor = 1.0


def test_an_activation_that_reads_a_changed_variable_is_traced_again() -> None:
    factors = [2.0]
    model = nn.mlp([3, 2, 1], activation=lambda x: factors[0] * x)
    params = model.init(jax.random.key(0))
    before = nn.predict(model, params, X)
    factors[0] = 3.0
    np.testing.assert_allclose(nn.predict(model, params, X), 1.5 * before, rtol=1e-5)


def test_one_model_object_that_reads_a_changed_variable_is_traced_again() -> None:
    scales = [2.0]
    model, params = make_model(lambda: scales[0]), nn.Affine(jnp.ones((3, 1)), jnp.zeros(1))
    before = nn.predict(model, params, X)
    scales[0] = 3.0
    np.testing.assert_allclose(nn.predict(model, params, X), 1.5 * before, rtol=1e-6)


def test_other_types_get_programs_of_their_own() -> None:
    params = nn.Affine(np.ones((3, 1)), np.zeros(1))
    for dtype, x64 in (("f4", False), ("f2", False), ("f8", True), ("f4", True), ("f4", False)):
        with jax.enable_x64(x64):
            typed = jax.tree.map(lambda leaf, dtype=dtype: leaf.astype(dtype), params)
            outputs = nn.predict(make_model(lambda: 1.0), typed, X.astype(dtype))
            assert outputs.dtype == dtype
            np.testing.assert_allclose(
                outputs, X.sum(axis=1, keepdims=True), rtol=1e-2 if dtype == "f2" else 1e-5, atol=1e-2
            )


def call_back(factor):
    def double(x):
        return np.asarray(factor * x, np.float32)

    return lambda x: jax.pure_callback(double, jax.ShapeDtypeStruct((), np.float32), x, vmap_method="sequential")


def test_callbacks_are_compared_by_identity() -> None:
    one, other = call_back(2.0), call_back(3.0)
    digests = [digest_program(jax.make_jaxpr(function)(1.0)) for function in (one, one, other)]
    assert digests[0] == digests[1] != digests[2]
    assert digests[0].text == digests[2].text, "another process knows functions by their names alone"
    programs = [program_cache.request_program(jax.jit(function).trace(1.0)) for function in (one, other, one)]
    assert [float(program.result()(1.0)) for program in programs] == [2.0, 3.0, 2.0]


def test_a_model_may_call_back(tmp_path) -> None:
    for factor in (1.0, 2.0):
        call = call_back(factor)
        recipe = make_recipe(lambda call=call: call(jnp.float32(1.0)))
        params = nn.Affine(jnp.ones((3, 1)), jnp.zeros(1))
        np.testing.assert_allclose(
            nn.predict(recipe.model, params, X), factor * X.sum(axis=1, keepdims=True), rtol=1e-5
        )


DIFFERENT = {
    "operation": (lambda x: x + 1, lambda x: x * 1),
    "constant": (lambda x: x + 1, lambda x: x + 2),
    "array": (lambda x: x + np.arange(3.0), lambda x: x + np.arange(3.0)[::-1]),
    "order": (lambda x: x[0] - x[1], lambda x: x[1] - x[0]),
    "parameter": (lambda x: x.sum(keepdims=True), lambda x: x.max(keepdims=True)),
    "inner": (jax.jit(lambda x: jnp.sin(x)), jax.jit(lambda x: jnp.cos(x))),
    "loop": (
        lambda x: jax.lax.fori_loop(0, 3, lambda i, x: x + i, x),
        lambda x: jax.lax.fori_loop(0, 4, lambda i, x: x + i, x),
    ),
    "key": (
        lambda x: x + jax.random.key_data(jax.random.key(0))[1],
        lambda x: x + jax.random.key_data(jax.random.key(1))[1],
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_programs_that_compute_something_else_have_other_digests(name) -> None:
    one, other = (digest_program(jax.make_jaxpr(function)(jnp.ones(3))) for function in DIFFERENT[name])
    assert one != other
    assert one == digest_program(jax.make_jaxpr(lambda x: DIFFERENT[name][0](x))(jnp.ones(3))) or name == "inner"


def test_equal_operations_on_other_structures_have_programs_of_their_own() -> None:
    x = np.float32(1)
    as_tuple, as_dict = (lambda pair: (pair[0] + pair[1],)), (lambda pair: {"sum": pair["a"] + pair["b"]})
    for function, pair, expected in ((as_tuple, (x, x), (2,)), (as_dict, {"a": x, "b": x}, {"sum": 2})):
        assert program_cache.request_program(jax.jit(function).trace(pair)).result()(pair) == expected


def test_the_least_recently_used_program_goes_first(monkeypatch) -> None:
    monkeypatch.setattr(program_cache, "_MAX_PROGRAMS", 2)

    def request(i):
        return program_cache.request_program(jax.jit(lambda x: x + i).trace(np.float32(0)))

    first, second, again = request(101), request(102), request(101)
    assert first is again
    assert request(103) is request(103)
    assert request(101) is first
    assert request(102) is not second


def test_clearing_the_caches_of_jax_frees_the_programs() -> None:
    first = program_cache.request_program(jax.jit(lambda x: x + 201).trace(np.float32(0)))
    jax.clear_caches()
    assert program_cache._programs() is None
    assert program_cache.request_program(jax.jit(lambda x: x + 201).trace(np.float32(0))) is not first


def test_tests_that_compile_otherwise_share_no_programs() -> None:
    def request(*, older_code):
        set_compiler(optimize=True, older_code=older_code)
        return program_cache.request_program(jax.jit(lambda x: x + 251).trace(np.float32(0)))

    older, newer = request(older_code=True), request(older_code=False)
    assert older is not newer
    assert request(older_code=True) is older


def test_an_error_of_the_compiler_reaches_the_caller_and_is_not_kept() -> None:
    def request():
        return program_cache.request_program(
            jax.jit(lambda x: x + 301).trace(np.float32(0)), options={"xla_no_such": 1}
        )

    for _ in range(2):
        with pytest.raises(jax.errors.JaxRuntimeError, match="xla_no_such"):
            request().result()


def test_repeated_calls_leave_no_programs_behind(entry) -> None:
    entry(0, lambda: 1.0)
    client = jax.local_devices()[0].client
    before = len(client.live_executables())
    for _ in range(3):
        entry(0, lambda: 1.0)
    assert len(client.live_executables()) <= before
