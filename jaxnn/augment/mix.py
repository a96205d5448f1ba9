"""Mixtures of two examples: mixup mixes their numbers, cutmix replaces a box of one image by that of another.

The targets of a mixture are both targets and the weight of the first. The training step computes the loss for each and
takes the weighted mean, so that every loss takes them. For the cross entropy this equals soft labels, and for the
squared error it equals mixed targets but for a constant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._checks.arrays import check_scalar
from jaxnn._kernels.dtypes import as_arrays, as_type, choose_float
from jaxnn.augment.cutout import draw_centres
from jaxnn.augment.images import check_images, find_box


class MixedTargets(NamedTuple):
    """The targets of mixed examples: the loss is weight · loss(targets) + (1 - weight) · loss(others).

    An augmentation of your own may return them.

    Attributes:
        targets, others: the targets of both parts of each example, each a pytree with the batch on its first axis.
        weight: of `targets`, shape (batch,).
    """

    targets: Any
    others: Any
    weight: Float[Array, "batch"]


def compute_losses(loss: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> Any:
    """Returns the losses of examples, which may be mixed; the training step calls it, and a loop of your own may.

    Args:
        loss: `loss(outputs, targets) -> (batch,)`.
        outputs: of the model.
        targets: those of the loss, or `MixedTargets` of them.

    Returns:
        One value for each example, shape (batch,).

    Example:
        >>> import jaxnn as nn
        >>> mixed = MixedTargets(jnp.array([[0.0]]), jnp.array([[2.0]]), jnp.array([0.25]))
        >>> compute_losses(nn.squared_error, jnp.array([[0.0]]), mixed)  # 0.25 · 0² + 0.75 · 2²
        Array([3.], dtype=float32)
    """
    if not isinstance(targets, MixedTargets):
        return loss(outputs, targets)
    first, second = (compute_losses(loss, outputs, part) for part in targets[:2])
    weight = targets.weight.astype(first.dtype)
    return weight * first + (1 - weight) * second


def mixup(alpha: float | Float[Array, ""] = 0.2) -> "_Mixup":
    """Mixes every example with another of the minibatch: x = w · x + (1 - w) · other x, and the losses likewise.

    The weight w ~ Beta(alpha, alpha) is drawn for each minibatch, and which rows are mixed too.

    Args:
        alpha: positive; the larger, the nearer are weights to 1/2. It may be a traced hyper.

    Returns:
        A function of (key, x, targets). It returns x as floats, and `MixedTargets`, which the training step
        understands with every loss. x and targets are arrays or pytrees of any shapes.

    Raises:
        TypeError: `alpha` is not a number.
        ValueError: one that is not positive.

    Example:
        >>> x, targets = mixup(0.2)(jax.random.key(0), jnp.eye(3), jnp.arange(3))
        >>> x.shape, targets.targets, targets.others
        ((3, 3), Array([0, 1, 2], dtype=int32), Array([1, 2, 0], dtype=int32))

    References:
        Zhang et al. (2018), mixup: beyond empirical risk minimization.
    """
    _check_alpha("augment.mixup", alpha)
    return _Mixup(alpha)


def cutmix(alpha: float | Float[Array, ""] = 1.0) -> "_Cutmix":
    """Replaces a box of every image by the same box of another image of the minibatch, and mixes the losses.

    The box is drawn for each minibatch: its centre is a random pixel, and its share of the image before it is cut off
    at the border is 1 - w, w ~ Beta(alpha, alpha). The weight of the other image is the share of pixels that it gives.

    Args:
        alpha: positive; 1 draws every share with equal probability. It may be a traced hyper.

    Returns:
        A function of (key, x, targets), with x of shape (batch, *space, channels), any type, which it keeps. It returns
        `MixedTargets`, which the training step understands with every loss.

    Raises:
        TypeError: `alpha` is not a number.
        ValueError: one that is not positive.

    Example:
        >>> x, targets = cutmix()(jax.random.key(5), jnp.arange(2.0).repeat(8).reshape(2, 8, 1), jnp.arange(2))
        >>> x[0].ravel(), targets.weight[0]
        (Array([0., 0., 0., 0., 0., 0., 1., 1.], dtype=float32), Array(0.75, dtype=float32))

    References:
        Yun et al. (2019), CutMix: regularization strategy to train strong classifiers with localizable features.
    """
    _check_alpha("augment.cutmix", alpha)
    return _Cutmix(alpha)


def _check_alpha(caller: str, alpha: Any) -> None:
    number = check_scalar(caller, "alpha", alpha)
    if number is not None and not number > 0:
        raise ValueError(f"{caller}: alpha must be positive, not {number}")


@dataclass(frozen=True)
class _Mixup:
    alpha: Any

    def __call__(self, key: Array, x: Any, targets: Any) -> tuple[Any, MixedTargets]:
        weight_key, rows_key = jax.random.split(key)
        x, targets = as_arrays((x, targets))
        rows = _draw_partners(rows_key, len(jax.tree.leaves(x)[0]))
        weight = _draw_weight(weight_key, self.alpha)

        def mix(leaf: Array) -> Array:
            leaf = as_type(leaf, choose_float(leaf))
            own = weight.astype(leaf.dtype)
            return own * leaf + (1 - own) * leaf[rows]

        return jax.tree.map(mix, x), _mix_targets(targets, rows, weight)


@dataclass(frozen=True)
class _Cutmix:
    alpha: Any

    def __call__(self, key: Array, x: Shaped[ArrayLike, "batch *image"], targets: Any) -> tuple[Array, MixedTargets]:
        x, targets = check_images("augment.cutmix", x), as_arrays(targets)
        weight_key, centre_key, rows_key = jax.random.split(key, 3)
        space, rows = x.shape[1:-1], _draw_partners(rows_key, len(x))
        share = (1 - _draw_weight(weight_key, self.alpha)) ** (1 / len(space))
        sides = (share * jnp.array(space, float)).astype(jnp.int32)
        starts = draw_centres(centre_key, 1, space) - sides[None] // 2
        box = find_box(space, starts, starts + sides[None])
        return jnp.where(box, x[rows], x), _mix_targets(targets, rows, 1 - box.mean())


def _draw_weight(key: Array, alpha: Any) -> Array:
    """Draws w ~ Beta(alpha, alpha) as (1 + t / √(2 alpha + t²)) / 2, where t has Student's distribution.

    `jax.random.beta` rejects in a loop, which takes seconds to compile.

    References:
        Devroye (1996), Random variate generation in one line of code; Bailey (1994), for Student's distribution.
    """
    radius, angle = jax.random.uniform(key, (2,))
    direction, power = jnp.cos(2 * jnp.pi * angle), radius ** (1 / jnp.asarray(alpha, float))
    rest = direction**2 * (1 - power)
    return (1 + jnp.sign(direction) * jnp.sqrt(rest / (power + rest))) / 2


def _draw_partners(key: Array, count: int) -> Array:
    """Draws which row each row is mixed with: that a random number of places further, never the row itself.

    The rows of a minibatch are in random order, so that all pairs are equally likely.
    """
    places = jax.random.randint(key, (), 1, max(count, 2), jnp.int32)
    return (jnp.arange(count, dtype=jnp.int32) + places) % count


def _mix_targets(targets: Any, rows: Array, weight: Array) -> MixedTargets:
    others = jax.tree.map(lambda leaf: leaf[rows], targets)
    return MixedTargets(targets, others, jnp.full(len(rows), weight))
