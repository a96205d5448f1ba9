"""One network at a time: a CNN in the shape of MNIST, the CNN of the digits, an MLP, and one iris fit."""

from experiments.benchmarks import problems
from experiments.benchmarks.harness import Case
from experiments.benchmarks.peers import equinox_models, flax_models, ours, sklearn_models, torch_models
from experiments.benchmarks.problems import Problem


def cases(quick: bool) -> list[Case]:
    """Four cases, or the least of them if it must be quick; a time is that of a whole training."""
    if quick:
        return [flowers_case(20, 20)]
    images, table = problems.random_images(steps=20), problems.table(steps=50)
    return [
        case("mnist_cnn", "one CNN, 28×28, 32 and 64 filters, dense 128: 20 steps of 64", images, images),
        digits_case(4, 1408),
        case("mlp", "one MLP 784-256-10: 50 steps of 128", table, table),
        flowers_case(500, 20),
    ]


def digits_case(epochs: int, count: int) -> Case:
    """The CNN of the digits, compared after ten steps at most, as in the sweep."""
    problem = problems.digits(epochs=epochs, count=count)
    short = problem if problem.steps <= 10 else problems.digits(epochs=1, count=640)
    return case("digits_cnn", f"one CNN on digits, 8 and 16 filters: {problem.steps} steps of 64", problem, short)


def flowers_case(epochs: int, brief: int) -> Case:
    """The network of the irises."""
    problem = problems.iris(epochs=epochs)
    short = problem if epochs == brief else problems.iris(epochs=brief)
    return case("iris_fit", f"one iris fit, 4-16-3: {epochs} full-batch steps", problem, short)


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
