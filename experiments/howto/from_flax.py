"""Coming from Flax.

Params, keys and optax are the same. Layers are bare functions, and the loop is written.
A module that you have goes into the lanes as it is: see
[Flax or Equinox in the lanes](modules.md).
"""

# %% Words
#
# | Flax | jaxnn |
# | --- | --- |
# | `linen.Dense(16)`, `nnx.Linear(4, 16)` | `nn.init_dense(key, 4, 16)` and `nn.dense(params, x)` |
# | `linen.Conv`, `max_pool` | `nn.conv`, `nn.max_pool` |
# | `module.init`, `module.apply` | `model.init`, `model.apply` of an `nn.Model` |
# | `kernel`, `bias` in a dict | `weight`, `bias` of an `nn.Affine` |
# | `batch_stats`, `mutable=`, `nnx.BatchStat` | `nn.Buffer` among the params, `train_apply` |
# | `deterministic=True`, `use_running_average=True` | a call without `key`, `nn.predict` |
# | `TrainState`, `nnx.Optimizer` | `nn.TrainingState`, inside `nn.fit` and `nn.train` |
# | a jitted step and a loop | `nn.fit` inside `jax.jit`, or `nn.train` |
# | `optax.softmax_cross_entropy_with_integer_labels` | the same, or `nn.cross_entropy` |
# | `orbax` | `directory=`, `nn.save`, `nn.load` |
# | `jax.nn.relu` | `nn.relu`, which keeps the batch last inside |

# %% A program
# In Flax:
#
# ```python
# class Network(linen.Module):
#     @linen.compact
#     def __call__(self, x, train):
#         x = linen.relu(linen.Dense(32)(x))
#         x = linen.Dropout(0.2, deterministic=not train)(x)
#         return linen.Dense(10)(x)
#
# module = Network()
# variables = module.init(jax.random.key(0), x[:1], False)
# state = TrainState.create(
#     apply_fn=module.apply, params=variables["params"], tx=optax.adam(0.01)
# )
#
# @jax.jit
# def step(state, x, labels, key):
#     def objective(params):
#         logits = state.apply_fn({"params": params}, x, True, rngs={"dropout": key})
#         losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
#         return losses.mean()
#     return state.apply_gradients(grads=jax.grad(objective)(state.params))
#
# for epoch in range(10):
#     for rows in minibatches(epoch):
#         key, step_key = jax.random.split(key)
#         state = step(state, x[rows], labels[rows], step_key)
# ```
#
# Here:

import jax
import optax

import jaxnn as nn

digits = nn.datasets.digits()
x, labels = digits.x.reshape(-1, 64) / 16, digits.targets
train, test = nn.train_test_split(
    jax.random.key(0), (x, labels), test=0.3, stratify=labels
)


def init(key):
    hidden, output = jax.random.split(key)
    return {
        "hidden": nn.init_dense(hidden, 64, 32),
        "output": nn.init_dense(output, 32, 10),
    }


def apply(params, x, *, key=None):
    x = nn.relu(nn.dense(params["hidden"], x))
    if key is not None:
        x = nn.dropout(key, x, 0.2)
    return nn.dense(params["output"], x)


recipe = nn.Recipe(
    nn.Model(init, apply), nn.cross_entropy, optax.adam(0.01), batch_size=64
)


@jax.jit
def run(key):
    return nn.fit(recipe, train, key=key, epochs=10)


fitted = run(jax.random.key(1))
print(f"{nn.accuracy(nn.predict(recipe.model, fitted.params, test[0]), test[1]):.3f}")

# %% A loop of your own
# `nn.advance` trains some epochs from a state, and is what `nn.fit` consists of.


@jax.jit
def advance(state):
    return nn.advance(recipe, train, state, epochs=1)


state = nn.init_training(recipe, jax.random.key(1))
for epoch in range(3):
    state, info = advance(state)
    print(epoch, info.losses)

# %% Many at once
# `nn.fit` is a pure function, so `jax.vmap` trains many networks side by side.

many = jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(2), 8))
print(many.losses[:, -1].round(2))

# %% Weights
# `nn.integrations.flax.load(model, variables)` reads the variables of Flax into a model of
# the same layers, and `nn.integrations.flax.as_variables` goes back.
