"""The confusion matrix and the wrongest examples of the best trial, or of a training."""

import base64
from typing import Any

import numpy as np

from jaxnn.report.numbers import shorten
from jaxnn.report.outputs import Outputs

# The most classes of which a page shows a matrix.
_MAX_CLASSES = 30
_WRONGEST = 12


def describe_classes(outputs: Outputs | None, *, pictures: bool = False) -> dict[str, Any] | None:
    """Returns what a page shows of class scores, as JSON.

    Args:
        outputs: of the best trial or of a training, or None.
        pictures: whether to show the inputs of the wrongest examples, if they are images.
    """
    if outputs is None or outputs.logits.shape[1] > _MAX_CLASSES or not np.isfinite(outputs.logits).all():
        return None
    classes = outputs.logits.shape[1]
    predicted = outputs.logits.argmax(axis=1)
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (outputs.labels, predicted), 1)
    return {
        "number": outputs.number,
        "matrix": matrix.tolist(),
        "wrong": int((predicted != outputs.labels).sum()),
        "rows": len(predicted),
        "total": outputs.total,
        "wrongest": _list_wrongest(outputs, predicted, pictures=pictures),
    }


def _list_wrongest(outputs: Outputs, predicted: np.ndarray, *, pictures: bool) -> list[dict[str, Any]]:
    """Returns the wrong examples whose own class has the least probability."""
    shifted = outputs.logits.astype(float) - outputs.logits.max(axis=1, keepdims=True)
    probabilities = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    places = np.arange(len(predicted))
    own = probabilities[places, outputs.labels]
    order = np.argsort(own, kind="stable")
    wrong = order[predicted[order] != outputs.labels[order]][:_WRONGEST]
    return [
        {
            "row": int(outputs.rows[place]),
            "label": int(outputs.labels[place]),
            "predicted": int(predicted[place]),
            "own": shorten(own[place]),
            "claimed": shorten(probabilities[place, predicted[place]]),
            "picture": _draw(outputs.x[place]) if pictures and outputs.x is not None else None,
        }
        for place in wrong
    ]


def _draw(x: np.ndarray) -> dict[str, Any] | None:
    """Returns an image as bytes, from its least to its largest value; None for other inputs."""
    image = x[..., None] if x.ndim == 2 else x
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        return None
    low, high = float(image.min()), float(image.max())
    scaled = 255 * (image.astype(float) - low) / (high - low or 1)
    height, width = image.shape[:2]
    pixels = np.broadcast_to(scaled.round().astype(np.uint8), (height, width, 3))
    return {"height": height, "width": width, "pixels": base64.b64encode(pixels.tobytes()).decode()}
