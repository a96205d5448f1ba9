"""Calls of LAPACK on CPUs, which can hang where every core is a device.

Two devices of one process that are both inside a factorization of a batch wait for the same threads, in some runs for
ever. Such programs must run on one device at a time.
"""

from collections.abc import Sequence
from typing import Any

from jaxnn._kernels.memory import get_inner_jaxprs

# The operations of `jax.lax.linalg` that are calls of LAPACK or BLAS.
_OPERATIONS = {
    "cholesky", "eig", "eigh", "geqp3", "geqrf", "hessenberg", "householder_product", "lu", "ormqr", "qr", "schur",
    "svd", "triangular_solve", "tridiagonal", "tridiagonal_solve",
}  # fmt: skip


def can_hang(jaxpr: Any, devices: Sequence[Any]) -> bool:
    """Returns whether a program that all devices run at the same time may wait for ever."""
    return len(devices) > 1 and devices[0].platform == "cpu" and _calls_lapack(jaxpr)


def _calls_lapack(jaxpr: Any) -> bool:
    return any(
        equation.primitive.name in _OPERATIONS
        or any(map(_calls_lapack, (inner for value in equation.params.values() for inner in get_inner_jaxprs(value))))
        for equation in jaxpr.eqns
    )
