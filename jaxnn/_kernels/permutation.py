"""Random permutations by sorting words: seven times faster on a CPU than sorting pairs, which JAX does.

Each round sorts words with random high bits and an index in the low bits. Two rows with equal random bits keep their
order. The number of rounds makes it unlikely that the same two rows draw equal bits in every round.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

# Random bits for each row, as a multiple of log2(count): two rows draw equal bits with probability count^-3.
# `jax.random.permutation` uses the same exponent.
_COLLISION_EXPONENT = 3
# The most sorting rounds, which are enough for 2^18 rows. With more, `jax.random.permutation` is equally fast.
_MAX_ROUNDS = 4
_LARGEST_WORD = 2**32 - 1


class _Words(NamedTuple):
    """The bits of a word that hold the index, and the number of sorting rounds."""

    index_bits: int
    rounds: int


def permute(key: Array, count: int) -> Array:
    """Draws a permutation of the numbers from 0 to count - 1."""
    index_bits, rounds = _choose_words(count)
    if not 1 <= rounds <= _MAX_ROUNDS:
        return jax.random.permutation(key, count)
    order = indices = jnp.arange(count, dtype=jnp.uint32)
    for round_key in jax.random.split(key, rounds):
        words = (jax.random.bits(round_key, (count,), jnp.uint32) >> index_bits << index_bits) | indices
        order = order.at[jnp.sort(words) & ((1 << index_bits) - 1)].get(mode="promise_in_bounds")
    return order.astype(jnp.int32)


def permute_one_of(key: Array, counts: tuple[int, ...], which: Array) -> Array:
    """Draws `permute(key, counts[which])` for a traced number `which`, filled up to the length of the largest count.

    What fills it up are numbers below the largest count. One sort serves all counts, since a draw of JAX's threefry
    generator depends on its place alone: those of a smaller count are the first of a larger one. Rows beyond the count
    get the largest word, and are sorted to the end.

    Example:
        >>> key = jax.random.key(0)
        >>> permute_one_of(key, (3, 5), jnp.array(0))[:3].tolist() == permute(jax.random.clone(key), 3).tolist()
        True
    """
    most = max(counts)
    words_of = [_choose_words(count) for count in counts]
    depends_on_place = getattr(jax.config, "jax_threefry_partitionable", True)
    if not depends_on_place or _choose_words(most).rounds > _MAX_ROUNDS:
        branches = [functools.partial(_permute_and_fill, count=count, most=most) for count in counts]
        # Under `jax.vmap` all branches run, and a typed key would count as used more than once.
        return jax.lax.switch(which, branches, jax.random.key_data(key))
    count, index_bits, rounds = (
        jnp.array(numbers, jnp.uint32)[which] for numbers in (counts, *zip(*words_of, strict=True))
    )
    order = indices = jnp.arange(most, dtype=jnp.uint32)
    index_mask = (jnp.uint32(1) << index_bits) - jnp.uint32(1)
    for i, round_key in enumerate(jax.random.split(key, max(words.rounds for words in words_of))):
        bits = jax.random.bits(round_key, (most,), jnp.uint32) >> index_bits << index_bits
        words = jnp.where(indices < count, bits | indices, jnp.uint32(_LARGEST_WORD))
        picked = jnp.minimum(jnp.sort(words) & index_mask, jnp.uint32(most - 1))
        order = jnp.where(i < rounds, order.at[picked].get(mode="promise_in_bounds"), order)
    return order.astype(jnp.int32)


def _permute_and_fill(key_data: Array, *, count: int, most: int) -> Array:
    return jnp.concatenate([permute(jax.random.wrap_key_data(key_data), count), jnp.zeros(most - count, jnp.int32)])


def _choose_words(count: int) -> _Words:
    index_bits = (count - 1).bit_length()
    return _Words(index_bits, math.ceil(_COLLISION_EXPONENT * math.log2(count) / (32 - index_bits)))
