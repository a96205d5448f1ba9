"""Coming from PyTorch.

Modules become pairs of functions, the training loop becomes `nn.train`, and the axis of
channels is the last one.
"""

# %% Words
#
# | PyTorch | jaxnn |
# | --- | --- |
# | `nn.Linear`, `nn.Conv2d`, `nn.MaxPool2d` | `nn.dense`, `nn.conv`, `nn.max_pool`; `nn.init_dense` and `nn.init_conv` make params |
# | `BatchNorm2d`, `register_buffer` | `nn.batch_norm` and `nn.train_batch_norm`, `nn.Buffer` |
# | `nn.Module`, `Sequential` | `nn.Model` of two functions, `nn.chain` |
# | `state_dict()` | params, a pytree of arrays |
# | `CrossEntropyLoss()`, which is a mean | `nn.cross_entropy`, one value for each example |
# | `BCEWithLogitsLoss`, `MSELoss`, `L1Loss`, `weight=` | `nn.binary_cross_entropy`, `nn.squared_error`, `nn.absolute_error`, `nn.weighted` |
# | `optim.AdamW(module.parameters())` | `optax.adamw` in the `nn.Recipe` |
# | `lr_scheduler.OneCycleLR` | an optimizer that is a function of the total steps |
# | `zero_grad`, `backward`, `step` | inside `nn.train` and `nn.fit`; `jax.grad` by hand |
# | `DataLoader` | `batch_size=`; or the loader itself as data of `nn.train` |
# | `module.eval()`, `no_grad()` | `nn.predict`; a call without `key` |
# | `requires_grad_(False)` | `nn.freeze(model, ["conv_*"])` |
# | `torch.manual_seed(0)` | `key=jax.random.key(0)` |
# | (batch, channels, height, width) | (batch, height, width, channels) |
# | weight (outputs, inputs) | weight (inputs, outputs) |
# | momentum 0.1 of a batch norm | momentum 0.9 |

# %% A program
# In PyTorch:
#
# ```python
# import torch
# from torch import nn
#
# class Network(nn.Module):
#     def __init__(self):
#         super().__init__()
#         self.conv = nn.Conv2d(1, 8, 3, padding=1)
#         self.norm = nn.BatchNorm2d(8)
#         self.output = nn.Linear(8 * 4 * 4, 10)
#
#     def forward(self, x):
#         x = torch.relu(self.norm(self.conv(x)))
#         x = nn.functional.max_pool2d(x, 2)
#         return self.output(x.flatten(1))
#
# torch.manual_seed(0)
# module = Network()
# optimizer = torch.optim.AdamW(module.parameters(), lr=0.01, weight_decay=1e-3)
# for epoch in range(5):
#     module.train()
#     for x, labels in torch.utils.data.DataLoader(train, batch_size=64, shuffle=True):
#         optimizer.zero_grad()
#         nn.functional.cross_entropy(module(x), labels).backward()
#         optimizer.step()
# module.eval()
# with torch.no_grad():
#     print((module(test_x).argmax(1) == test_labels).float().mean())
# ```
#
# Here:

import jax
import optax

import jaxnn as nn

digits = nn.datasets.digits()
train, test = nn.train_test_split(
    jax.random.key(0), digits.data, test=0.3, stratify=digits.targets
)


def init(key):
    conv_key, output_key = jax.random.split(key)
    return {
        "conv": nn.init_conv(conv_key, 1, 8, (3, 3)),
        "norm": nn.init_batch_norm(8),
        "output": nn.init_dense(output_key, 8 * 4 * 4, 10),
    }


def apply(params, x, *, key=None):
    x = nn.conv(params["conv"], x, padding="same")
    x = nn.relu(nn.batch_norm(params["norm"], x))
    return nn.dense(params["output"], nn.flatten(nn.max_pool(x, 2)))


def train_apply(params, x, *, key, where=None):
    x = nn.conv(params["conv"], x, padding="same")
    x, norm = nn.train_batch_norm(params["norm"], x, where=where)
    outputs = nn.dense(params["output"], nn.flatten(nn.max_pool(nn.relu(x), 2)))
    return outputs, params | {"norm": norm}


model = nn.Model(init, apply, train_apply)
optimizer = optax.adamw(0.01, weight_decay=1e-3)
recipe = nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=64)
result = nn.train(recipe, train, key=jax.random.key(0), epochs=5)
print(f"{nn.accuracy(nn.predict(model, result.params, test[0]), test[1]):.3f}")

# %% The same, ready made

model = nn.cnn((8, 8, 1), (8,), 10, norm="batch")
print(list(model.init(jax.random.key(0))))

# %% Take the weights along
# `nn.integrations.pytorch.load` reads a `state_dict` into a model of the same layers,
# transposes kernels and puts flattened rows in order. `state_dict` of the same module goes
# back. Torch need not be installed.
#
# ```python
# params = nn.integrations.pytorch.load(model, module.state_dict())
# arrays = nn.integrations.pytorch.state_dict(model, params, like=module.state_dict())
# module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
# ```

# %% What surprises
# - Arrays cannot be changed in place: `x.at[0].set(1)` returns a new one.
# - A key is used once; `jax.random.split` makes more of it.
# - A loss of your own gives one value for each example, and the recipe takes the mean.
# - Python's `if` on a traced number fails; use `jax.numpy.where`.
# - A Python loop over `nn.fit` compiles each time. See [How it is fast](speed.md).
