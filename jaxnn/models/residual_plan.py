"""The plan of a residual network: its blocks, and which convolutions and norms they have."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from jaxnn._checks.arrays import check_each_whole, check_whole
from jaxnn.models.norm_choice import Norm
from jaxnn.models.parts import number_names
from jaxnn.units import Size, check_size


class Block(NamedTuple):
    """A residual block: its name, its numbers of channels and the stride of its first convolution."""

    name: str
    inputs: Any
    outputs: Any
    stride: int

    def keep_sizes(self) -> "Block":
        """Returns the block without whole numbers of channels: networks that differ in them share programs."""
        inputs, outputs = (size if isinstance(size, Size) else None for size in self[1:3])
        return self._replace(inputs=inputs, outputs=outputs)


def check_stages(channels: Any, blocks: Any) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Returns the channels of each stage and its number of blocks."""
    if not isinstance(channels, Sequence) or isinstance(channels, str) or not channels:
        raise TypeError(f"resnet: channels must be a sequence of whole numbers, one for each stage, not {channels!r}")
    widths = tuple(check_size("resnet", f"channels[{i}]", size) for i, size in enumerate(channels))
    if not isinstance(blocks, Sequence):
        return widths, (check_whole("resnet", "blocks", blocks, least=1),) * len(widths)
    counts = check_each_whole("resnet", "blocks", blocks, least=1)
    if len(counts) != len(widths):
        raise ValueError(f"resnet: blocks must be one number or one for each of the {len(widths)} stages, not {blocks}")
    return widths, counts


def plan_blocks(widths: Sequence[Any], counts: Sequence[int]) -> Iterator[Block]:
    """Yields the blocks in order; the first of each stage but the first halves the size of the image."""
    names, inputs = iter(number_names("block", sum(counts))), widths[0]
    for stage, (outputs, count) in enumerate(zip(widths, counts, strict=True)):
        for place in range(count):
            yield Block(next(names), inputs, outputs, 2 if stage and not place else 1)
            inputs = outputs


class Shapes(NamedTuple):
    """What parameters a network has."""

    blocks: tuple[Block, ...]
    inputs: int
    classes: int
    window: tuple[int, ...]
    norm: Norm | None
    preactivation: bool

    def list_layers(self) -> Iterator[tuple[tuple[str, ...], tuple[Any, Any, tuple[int, ...]]]]:
        """Yields the path and the shape of each convolution."""
        yield ("stem", "conv"), (self.inputs, self.blocks[0].inputs, self.window)
        for name, inputs, outputs, stride in self.blocks:
            yield (name, "conv_1"), (inputs, outputs, self.window)
            yield (name, "conv_2"), (outputs, outputs, self.window)
            if stride > 1:
                yield (name, "conv_shortcut"), (inputs, outputs, (1,) * len(self.window))

    def list_norms(self) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Yields the path of each norm and the number of its channels."""
        if self.norm is None:
            return
        if not self.preactivation:
            yield ("stem", "norm"), self.blocks[0].inputs
        for name, inputs, outputs, stride in self.blocks:
            yield (name, "norm_1"), inputs if self.preactivation else outputs
            yield (name, "norm_2"), outputs
            if stride > 1 and not self.preactivation:
                yield (name, "norm_shortcut"), outputs
        if self.preactivation:
            yield ("head", "norm"), self.blocks[-1].outputs
