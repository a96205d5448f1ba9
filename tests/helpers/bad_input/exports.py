"""Bad input to `export`: the call, the type of its error and the whole message."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn

MODEL = nn.mlp([4, 3])
PARAMS = {"output": nn.Affine(np.ones((4, 3), "f"), np.ones(3, "f"))}
KNOWN = "'cpu', 'cuda', 'rocm', 'tpu'"
RULE = (
    "export: the model cannot be exported; it must be made of operations of JAX, and take the number of examples as "
    "x.shape[0], without comparisons: "
)


def export_function(apply: Any) -> Any:
    return nn.export(nn.Model(lambda key: jnp.ones(4), lambda params, x, *, key=None: apply(x)), np.ones(4, "f"), (4,))


EXPORT_CALLS = {
    "export of a function": (
        lambda: nn.export(len, PARAMS, (4,)),
        TypeError,
        f"export: model must be a Model, a pair of functions (init, apply), not {len!r}",
    ),
    "export of the wrong params": (
        lambda: nn.export(MODEL, {"output": nn.Affine(np.ones((5, 3), "f"), np.ones(3, "f"))}, (4,)),
        ValueError,
        "export: params: output.weight must have shape (4, 3), as model.init makes it, not (5, 3)",
    ),
    "export of shapes": (
        lambda: nn.export(MODEL, jax.eval_shape(MODEL.init, jax.random.key(0)), (4,)),
        TypeError,
        "export: params: output.weight must be an array, not a shape, ShapeDtypeStruct(shape=(4, 3), dtype=float32)",
    ),
    "export with a number as shape": (
        lambda: nn.export(MODEL, PARAMS, 4),
        TypeError,
        "export: shape must be a sequence of whole numbers, not 4",
    ),
    "export with another shape": (
        lambda: nn.export(MODEL, PARAMS, (5,)),
        ValueError,
        "dense: x (1, 5) has 5 features, but weight (4, 3) takes 4",
    ),
    "export with no dtype": (
        lambda: nn.export(MODEL, PARAMS, (4,), dtype="single precision"),
        TypeError,
        "export: dtype must be one of NumPy's, such as 'float32' or 'uint8', not 'single precision'",
    ),
    "export of float64": (
        lambda: nn.export(MODEL, PARAMS, (4,), dtype="float64"),
        TypeError,
        "export: dtype float64 needs jax_enable_x64; take float32",
    ),
    "export to a platform by itself": (
        lambda: nn.export(MODEL, PARAMS, (4,), platforms="cpu"),
        TypeError,
        f"export: platforms must be a sequence of {KNOWN}, not 'cpu'",
    ),
    "export to an unknown platform": (
        lambda: nn.export(MODEL, PARAMS, (4,), platforms=["cpu", "gpu"]),
        ValueError,
        f"export: platforms must be among {KNOWN}, not 'gpu'",
    ),
    "export of one number": (
        lambda: export_function(jnp.sum),
        ValueError,
        "export: every output of the model must have the examples on its first axis",
    ),
    "export of a comparison": (
        lambda: export_function(lambda x: x if x.shape[0] > 3 else -x),
        ValueError,
        f"{RULE}Symbolic dimension comparison 'min(batch, 1024)' > '3' is inconclusive.",
    ),
    "export of a length": (
        lambda: export_function(lambda x: x * jnp.arange(len(x))[:, None]),
        ValueError,
        f"{RULE}'_DimExpr' object cannot be interpreted as an integer",
    ),
    "export of Python": (
        lambda: export_function(lambda x: jax.pure_callback(np.sin, x, x)),
        ValueError,
        f"{RULE}multi-platform lowering for python_callback",
    ),
}
