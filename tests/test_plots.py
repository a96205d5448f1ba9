"""Plots of many things: none is left out, and no two look the same."""

import numpy as np

import jaxnn as nn


def test_more_curves_than_colours_are_all_drawn_and_differ() -> None:
    _, [[axes]] = nn.plots.figure()
    nn.plots.learning_curves(axes, {str(number): np.arange(3.0) for number in range(20)}, quantity="loss")
    assert [line.get_label() for line in axes.lines] == [str(number) for number in range(20)]
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 20


def test_more_classes_than_colours_have_regions_and_markers_of_their_own() -> None:
    _, [[axes]] = nn.plots.figure()
    x = np.stack([np.arange(12.0), np.zeros(12)], axis=1) + np.eye(12)[:, :2]
    nn.plots.decision_regions(
        axes, lambda points: points[:, 0].round().clip(0, 11).astype(int), x, np.arange(12),
        features=["a", "b"], classes=[f"class {number}" for number in range(12)], resolution=30,
    )  # fmt: skip
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [f"class {number}" for number in range(12)]
