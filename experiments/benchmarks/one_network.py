"""One network at a time: a CNN on images of MNIST's shape, the CNN on digits, an MLP, and one iris network."""

from experiments.benchmarks import problems
from experiments.benchmarks.harness import Case
from experiments.benchmarks.peers import equinox_models, flax_models, jaxnn_models, sklearn_models, torch_models
from experiments.benchmarks.problems import Problem


def cases(quick: bool) -> list[Case]:
    """Returns four cases, or the smallest one in a quick run; a time is that of a whole training."""
    if quick:
        return [make_iris_case(20, 20)]
    images, table = problems.random_images(steps=20), problems.random_table(steps=50)
    return [
        make_case("mnist_cnn", "one CNN, 28×28, 32 and 64 filters, dense 128: 20 steps of 64", images, images),
        make_digits_case(4, 1408),
        make_case("mlp", "one MLP 784-256-10: 50 steps of 128", table, table),
        make_iris_case(500, 20),
    ]


def make_digits_case(epochs: int, count: int) -> Case:
    """Returns the case of the CNN on digits; losses are compared after at most ten steps, as in the sweep."""
    problem = problems.digits(epochs=epochs, count=count)
    short = problem if problem.steps <= 10 else problems.digits(epochs=1, count=640)
    return make_case("digits_cnn", f"one CNN on digits, 8 and 16 filters: {problem.steps} steps of 64", problem, short)


def make_iris_case(epochs: int, compared_epochs: int) -> Case:
    """Returns the case of the iris network; losses are compared after `compared_epochs`."""
    problem = problems.iris(epochs=epochs)
    short = problem if epochs == compared_epochs else problems.iris(epochs=compared_epochs)
    return make_case("iris_fit", f"one iris fit, 4-16-3: {epochs} full-batch steps", problem, short)


def make_case(name: str, title: str, problem: Problem, short: Problem) -> Case:
    """Returns a case of one training by every tool that can do it."""
    contenders = [
        jaxnn_models.fit_contender(problem, short),
        torch_models.single_contender(problem, short),
        flax_models.step_contender(problem, short, 1),
        flax_models.fit_contender(problem, short, 1),
        equinox_models.single_contender(problem, short),
    ]
    if problem.rows is None:  # scikit-learn draws its own minibatches
        contenders.append(sklearn_models.classifier_contender(problem, short, 1))
    return Case(name, title, contenders, problems.compute_cost(problem))
