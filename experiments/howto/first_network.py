"""Your first network.

Four measurements of an iris flower tell its species. A network of 16 hidden nodes learns it from a hundred flowers, in
about a second.
"""

# %% Data
# Inputs are batch first: one row for each flower. Targets are class numbers. `nn.train_test_split` keeps equal shares of
# each species in both parts.

import jax
import optax

import jaxnn as nn

iris = nn.datasets.iris()
print(iris.x.shape, iris.features)
print(iris.targets.shape, iris.classes)
train, test = nn.train_test_split(
    jax.random.key(0), iris.data, test=1 / 3, stratify=iris.targets
)

# %% What is trained, and how
# An `nn.Recipe` names the model, the loss of one example, and an optimizer of
# [optax](https://optax.readthedocs.io). `nn.mlp` takes the sizes of the layers: 4 inputs, 16 hidden nodes, 3 classes.

recipe = nn.Recipe(
    nn.mlp([4, 16, 3]), nn.cross_entropy, optax.adam(0.01), batch_size=20
)

# %% Train
# `nn.train` shows a progress bar, evaluates on a validation part after each epoch, and ends when the score has not
# improved for 30 epochs. All random numbers come from `key`: the same key gives the same network, to the bit.

result = nn.train(
    recipe,
    train,
    key=jax.random.key(1),
    epochs=300,
    validation=test,
    score=nn.accuracy,
    stop=nn.no_improvement(patience=30),
)
print(result)

# %% Use it
# The parameters are a dict of arrays. With them `nn.predict` gives the outputs of the network: logits, the largest of
# which is the class. `nn.softmax` makes probabilities of them, here in percent.

logits = nn.predict(recipe.model, result.params, test[0][:3])
print((100 * nn.softmax(logits)).round())
print([iris.classes[label] for label in logits.argmax(axis=1)])
print(jax.tree.map(lambda leaf: leaf.shape, result.params))

# %% Score it
# These flowers have chosen the best epoch, so their score is a little too good. For an honest one divide the data in
# three parts, or use folds, as in [groups](groups.md).

outputs = nn.predict(recipe.model, result.params, test[0])
print("accuracy", nn.accuracy(outputs, test[1]))
print(nn.confusion_matrix(outputs, test[1]))

# %% Draw it
# `nn.plots` draws on axes of matplotlib (extra `plots`).

drawing, [[axes]] = nn.plots.figure()
curves = {"training": result.losses[None], "validation": result.validation_losses[None]}
nn.plots.learning_curves(axes, curves, quantity="loss")
nn.plots.save(drawing, "first_network.png")

# %% Keep it
# `nn.save` writes any parameters to one file, without pickle, and `nn.load` reads them back to the bit.

nn.save(result.params, "flowers.npz")
params = nn.load("flowers.npz", like=result.params)
