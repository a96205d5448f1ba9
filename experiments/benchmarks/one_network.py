"""One network at a time: a CNN in the shape of MNIST, the CNN of the digits, an MLP, and one iris fit."""

from experiments.benchmarks import problems
from experiments.benchmarks.harness import Case
from experiments.benchmarks.peers import equinox_models, flax_models, ours, sklearn_models, torch_models
from experiments.benchmarks.problems import Problem


def cases(quick: bool) -> list[Case]:
    """Four cases; the times are of a whole training, from the initial weights to the validation loss."""
    steps = (2, 2, 2, 20) if quick else (20, 88, 50, 500)
    images = problems.random_images(steps=steps[0])
    digits = problems.digits(epochs=1 if quick else 4, count=64 * steps[1] // (1 if quick else 4))
    table = problems.table(steps=steps[2])
    flowers = problems.iris(epochs=steps[3])
    brief = digits if quick else problems.digits(epochs=1, count=640)
    few = flowers if quick else problems.iris(epochs=20)
    return [
        case("mnist_cnn", f"one CNN, 28×28, 32 and 64 filters, dense 128: {steps[0]} steps of 64", images, images),
        case("digits_cnn", f"one CNN on digits, 8 and 16 filters: {steps[1]} steps of 64", digits, brief),
        case("mlp", f"one MLP 784-256-10: {steps[2]} steps of 128", table, table),
        case("iris_fit", f"one iris fit, 4-16-3: {steps[3]} full-batch steps", flowers, few),
    ]


def case(name: str, title: str, problem: Problem, short: Problem) -> Case:
    """One training by every tool that can."""
    sides = [
        ours.fit_side(problem, short),
        torch_models.one_side(problem, short),
        flax_models.stepped_side(problem, short, 1),
        flax_models.fitted_side(problem, short, 1),
        equinox_models.one_side(problem, short),
    ]
    if problem.rows is None:  # scikit-learn draws its minibatches itself
        sides.append(sklearn_models.side(problem, short, 1))
    return Case(name, title, sides, problems.work(problem))
