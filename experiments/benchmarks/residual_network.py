"""A training step of a residual network with batch norm: a jitted step, `nn.fit`, and those of Flax and PyTorch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments.benchmarks import workers
from experiments.benchmarks.compiling import compile_program
from experiments.benchmarks.harness import Case, Contender, Prepared, Seconds, add_timer
from experiments.benchmarks.peers import residual
from experiments.benchmarks.peers.residual import Problem

# (params, optimizer state, x, labels) -> (params, optimizer state, loss)
Step = Callable[[Any, Any, Any, Any], tuple[Any, Any, Any]]
CHECKED_STEPS = 3
OPTIMIZER = optax.sgd(residual.RATE, momentum=residual.MOMENTUM)


def cases(quick: bool) -> list[Case]:
    """Returns a case for images of digits and of CIFAR-10; a time is that of `steps` steps of 64 images."""
    if quick:
        return [make_case("resnet_quick", (8, 8, 1), (4, 8), 1, 2)]
    channels = (16, 32, 64)
    return [
        make_case("resnet_digits", (8, 8, 1), channels, 3, 20),
        make_case("resnet_cifar", (32, 32, 3), channels, 3, 3),
    ]


def make_case(name: str, image: tuple[int, ...], channels: tuple[int, ...], blocks: int, steps: int) -> Case:
    """Returns a case; losses are compared in the third step."""
    problem = make_problem(image, channels, blocks)
    size = "×".join(map(str, image))
    title = f"ResNet on {size}, stages of {', '.join(map(str, channels))}, {blocks} blocks: {steps} steps of 64"
    contenders = [
        Contender("jaxnn step", (), lambda: prepare_step(problem, make_step(problem), make_params(problem), steps)),
        Contender("jaxnn fit", (), lambda: prepare_fit(problem, steps)),
        Contender("Flax, jitted step", ("flax",), lambda: prepare_flax(problem, steps)),
        Contender("PyTorch eager", ("torch",), lambda: prepare_torch(problem, steps)),
    ]
    return Case(name, title, contenders)


def make_problem(image: tuple[int, ...], channels: tuple[int, ...], blocks: int) -> Problem:
    """Draws images and weights by NumPy; the images are noise, whose content does not change the speed."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(64, *image)).astype("f"), rng.integers(0, 10, 64).astype("i4")

    def draw(leaf: Any) -> np.ndarray:
        scale = np.sqrt(2 / np.prod(leaf.shape[:-1]))
        return (rng.normal(size=leaf.shape) * scale).astype("f") if leaf.ndim > 1 else np.asarray(leaf)

    params = jax.tree.map(draw, jax.jit(nn.resnet(image, channels, 10, blocks=blocks).init)(jax.random.key(0)))

    def to_tuple(layer: Any) -> Any:
        if isinstance(layer, dict):
            return {name: to_tuple(part) for name, part in layer.items()}
        return tuple(part.value if isinstance(part, nn.Buffer) else part for part in layer)

    return Problem(x, labels, channels, blocks, to_tuple(params))


def make_model(problem: Problem) -> nn.Model:
    """Returns the network."""
    return nn.resnet(problem.x.shape[1:], problem.channels, 10, blocks=problem.blocks)


def make_params(problem: Problem) -> Any:
    """Returns the parameters of the network."""

    def to_layer(layer: Any) -> Any:
        if isinstance(layer, dict):
            return {name: to_layer(part) for name, part in layer.items()}
        if len(layer) == 2:
            return nn.Affine(*layer)
        return nn.BatchNormParams(*layer[:2], *map(nn.Buffer, layer[2:]))

    return to_layer(problem.params)


def make_step(problem: Problem) -> Step:
    """Returns a step as a user writes it for a loop of their own."""
    model = make_model(problem)

    def step(params: Any, state: Any, x: Any, labels: Any) -> tuple[Any, Any, Any]:
        learned, buffers = nn.partition(params)

        def objective(learned: Any) -> Any:
            assert model.train_apply is not None
            outputs, after = model.train_apply(nn.merge(learned, buffers), x, key=None)
            return nn.cross_entropy(outputs, labels).mean(), nn.partition(after)[1]

        (loss, after), gradient = jax.value_and_grad(objective, has_aux=True)(learned)
        updates, state = OPTIMIZER.update(gradient, state, learned)
        return nn.merge(optax.apply_updates(learned, updates), after), state, loss

    return step


def prepare_step(
    problem: Problem, step: Step, params: Any, steps: int, learned: Callable[[Any], Any] | None = None
) -> Prepared:
    """Compiles a step for a Python loop; `learned` picks what the optimizer sees."""
    params, x, labels = jax.tree.map(jnp.asarray, (params, problem.x, problem.labels))
    state = OPTIMIZER.init((learned or (lambda params: nn.partition(params)[0]))(params))
    program, startup = compile_program(step, params, state, x, labels)

    def train(steps: int) -> np.ndarray:
        carried, loss = (params, state), None
        for _ in range(steps):
            *carried, loss = program(*carried, x, labels)
        return np.array([loss])

    return Prepared(add_timer(lambda: train(steps)), lambda: train(CHECKED_STEPS), startup)


def prepare_flax(problem: Problem, steps: int) -> Prepared:
    """Compiles the step of Flax's examples."""
    module = residual.make_flax_module(tuple(residual.list_blocks(problem)), 10)

    def step(variables: Any, state: Any, x: Any, labels: Any) -> tuple[Any, Any, Any]:
        def objective(params: Any) -> Any:
            outputs, updated = module.apply(variables | {"params": params}, x, mutable=["batch_stats"])
            loss = optax.softmax_cross_entropy_with_integer_labels(outputs, labels).mean()
            return loss, updated["batch_stats"]

        (loss, statistics), gradient = jax.value_and_grad(objective, has_aux=True)(variables["params"])
        updates, state = OPTIMIZER.update(gradient, state, variables["params"])
        params = optax.apply_updates(variables["params"], updates)
        return {"params": params, "batch_stats": statistics}, state, loss

    return prepare_step(problem, step, residual.make_flax_variables(problem), steps, lambda tree: tree["params"])


def prepare_fit(problem: Problem, steps: int) -> Prepared:
    """Compiles `nn.fit`, whose epochs of one full batch are the steps."""
    recipe = nn.Recipe(make_model(problem), nn.cross_entropy, OPTIMIZER)

    def compile_fit(epochs: int) -> tuple[Callable[[], np.ndarray], Seconds]:
        def fit(params: Any, data: Any) -> Any:
            return nn.fit(recipe, data, key=jax.random.key(0), epochs=epochs, params=params).losses

        arguments = jax.device_put((make_params(problem), (problem.x, problem.labels)))
        program, startup = compile_program(fit, *arguments)
        return lambda: np.asarray(program(*arguments))[-1:], startup

    program, startup = compile_fit(steps)
    return Prepared(add_timer(program), lambda: compile_fit(CHECKED_STEPS)[0](), startup)


def prepare_torch(problem: Problem, steps: int) -> Prepared:
    """Returns PyTorch with the number of threads and the memory format that are fastest here."""

    def run(threads: int, channels_last: bool) -> float:
        return workers.run_on_all_cores(residual.train_torch, problem, threads, channels_last, steps).results[0][1]

    options = [(threads, last) for threads in sorted({1, len(workers.cores())}) for last in (False, True)]
    best = min(options, key=lambda option: run(*option))

    def losses() -> np.ndarray:
        [(loss, _)] = workers.run_on_all_cores(residual.train_torch, problem, *best, CHECKED_STEPS - 2).results
        return np.array([loss])

    detail = f"{best[0]} thread{'s' * (best[0] > 1)}" + ", channels last" * best[1]
    return Prepared(lambda: {"run": run(*best)}, losses, {}, detail=detail)
