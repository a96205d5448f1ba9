"""One training in plain JAX with optax, as one program; the scripts for plain JAX and for Flax share it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from experiments.benchmarks.children.searches import Search

Init = Callable[[Any], Any]
Apply = Callable[[Any, Any], Any]


def fit(init: Init, apply: Apply, search: Search, examples: Any, rows: Any, rate: Any, decay: Any, key: Any) -> Any:
    """Trains a network and returns its validation accuracy.

    Args:
        init: draws the parameters from a key.
        apply: computes the logits of a batch.
        search: its epochs and batch; the last incomplete minibatch of an epoch is dropped.
        examples: all inputs and labels.
        rows: (training rows, validation rows).
        rate: the learning rate.
        decay: the weight decay.
        key: of the initial parameters and of the order of the minibatches.
    """
    x, labels = examples
    train, test = rows
    params = init(key)
    optimizer = optax.adamw(rate, weight_decay=decay)

    def step(learned: Any, batch: Any) -> tuple[Any, None]:
        params, state = learned
        grads = jax.grad(lambda params: compute_loss(apply(params, x[batch]), labels[batch]))(params)
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), None

    def train_epoch(learned: Any, key: Any) -> tuple[Any, None]:
        if search.batch is None:
            return step(learned, train)
        steps = len(train) // search.batch
        order = jax.random.permutation(key, train)[: steps * search.batch]
        return jax.lax.scan(step, learned, order.reshape(steps, search.batch))

    keys = jax.random.split(jax.random.fold_in(key, 1), search.epochs)
    (params, _), _ = jax.lax.scan(train_epoch, (params, optimizer.init(params)), keys)
    return jnp.mean(jnp.argmax(apply(params, x[test]), -1) == labels[test])


def compute_loss(logits: Any, labels: Any) -> Any:
    """Returns the mean cross-entropy."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
