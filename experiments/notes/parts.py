"""The ten parts, in the order of the notes."""

from experiments.notes import (
    part01_black_box,
    part02_backpropagation,
    part03_three_parameters,
    part04_seven_parameters,
    part05_relu,
    part06_inputs_and_outputs,
    part07_argmax_softmax,
    part08_cross_entropy,
    part09_cross_entropy_slopes,
    part10_convolution,
)
from experiments.notes.story import Picture, Row, make_rows

PARTS = (
    part01_black_box.PART,
    part02_backpropagation.PART,
    part03_three_parameters.PART,
    part04_seven_parameters.PART,
    part05_relu.PART,
    part06_inputs_and_outputs.PART,
    part07_argmax_softmax.PART,
    part08_cross_entropy.PART,
    part09_cross_entropy_slopes.PART,
    part10_convolution.PART,
)


def compute_part(number: int) -> tuple[list[Picture], list[Row]]:
    """Draws a part's pictures with its default options, and returns them with its table."""
    part = PARTS[number]
    return part.draw(part.config()), make_rows(part)
