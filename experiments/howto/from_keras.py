"""Coming from Keras.

`compile` becomes a recipe, and `fit` a function that returns new parameters instead of
changing the model.
"""

# %% Words
#
# | Keras | jaxnn |
# | --- | --- |
# | `Sequential([Dense(16, "relu"), Dense(3)])` | `nn.mlp([4, 16, 3])`, `nn.chain`, or `nn.Model` |
# | `compile(optimizer, loss, metrics)` | `nn.Recipe`; scores are arguments of `nn.train` and `nn.sweep` |
# | `fit(x, y, epochs, validation_data)` | `nn.train(recipe, (x, y), key=..., epochs=..., validation=...)` |
# | `evaluate`, `predict` | `nn.evaluate`, `nn.predict` |
# | `SparseCategoricalCrossentropy(from_logits=True)` | `nn.cross_entropy` |
# | `BinaryCrossentropy(from_logits=True)`, `Huber` | `nn.binary_cross_entropy`, `nn.huber` |
# | `class_weight`, `sample_weight` | `nn.balanced_weights`, `nn.weighted` |
# | `EarlyStopping(patience=10)` | `stop=nn.no_improvement(10)` |
# | `ModelCheckpoint`, `BackupAndRestore` | `directory=` |
# | `TensorBoard` | `log=nn.tensorboard(directory)` |
# | `ReduceLROnPlateau` | `nn.reduce_on_plateau` in `optax.chain` |
# | `RandomTranslation`, `RandomFlip` | `nn.augment.shift`, `nn.augment.flip` |
# | `Normalization` | `nn.standard_scaling` |
# | `kernel_regularizer` | `Recipe(penalty=...)`, or `optax.adamw` |
# | `layer.trainable = False` | `nn.freeze` |
# | `model.save`, `load_model` | `nn.save` and `nn.load` of params; `nn.export` of a whole model |
# | KerasTuner | `nn.sweep` |

# %% A program
# In Keras:
#
# ```python
# import keras
#
# model = keras.Sequential([
#     keras.layers.Dense(16, activation="relu"),
#     keras.layers.Dropout(0.1),
#     keras.layers.Dense(3),
# ])
# model.compile(
#     optimizer=keras.optimizers.Adam(0.01),
#     loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
#     metrics=["accuracy"],
# )
# stop = keras.callbacks.EarlyStopping(
#     monitor="val_accuracy", patience=20, restore_best_weights=True
# )
# history = model.fit(
#     x, labels, batch_size=20, epochs=200, validation_data=test, callbacks=[stop]
# )
# print(model.evaluate(*test))
# ```
#
# Here:

import jax
import optax

import jaxnn as nn

iris = nn.datasets.iris()
train, test = nn.train_test_split(
    jax.random.key(0), iris.data, test=1 / 3, stratify=iris.targets
)
model = nn.mlp([4, 16, 3], dropout=0.1)
recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(0.01), batch_size=20)
result = nn.train(
    recipe,
    train,
    key=jax.random.key(0),
    epochs=200,
    validation=test,
    score=nn.accuracy,
    stop=nn.no_improvement(patience=20),
)
print(nn.evaluate(recipe, result.params, test, score=nn.accuracy))
print(result.losses.shape, result.best_epoch)

# %% What is different
# - `result.params` are those of the best epoch, which `restore_best_weights=True` gives.
# - Outputs are logits. `nn.softmax(outputs)` makes probabilities.
# - Weights have the shapes and the order of Keras:
#   `nn.integrations.keras.load(model, keras_model.get_weights())` reads them, and
#   `nn.integrations.keras.weights` goes back.
# - A batch norm has epsilon 1e-5 and momentum 0.9 here, 1e-3 and 0.99 there:
#   `nn.cnn(..., norm="batch", norm_options={"epsilon": 1e-3, "momentum": 0.99})`.
# - Weights start from the normal distribution of He, those of Keras from `GlorotUniform`:
#   `initializer=nn.initializers.glorot_uniform`.
