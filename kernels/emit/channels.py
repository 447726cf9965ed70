"""Channels by blocks: how depthwise convolutions and pools cut them, and how depthwise weights are packed for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .gemm import chosen_columns
from .layer import Matrix, split_outliers
from .plan import Place, Plan
from .target import Target

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Block:
    """`count` blocks of 4 * lanes channels from channel `first` on; of the last, `columns` channels are real."""

    first: int
    lanes: int
    count: int
    columns: int

    @property
    def width(self) -> str:
        return "full" if self.columns == 4 * self.lanes else "part"

    def chosen(self, channels: int) -> Indices:
        """The channel at [block][vector and lane], or -1."""
        one = chosen_columns(0, 4, self.lanes, 4 * self.lanes)
        chosen = self.first + np.arange(self.count)[:, None] * 4 * self.lanes + one
        return np.where(chosen < channels, chosen, -1)


def channel_blocks(target: Target, channels: int) -> list[Block]:
    """Blocks of full vectors, then a rest in the narrowest vectors that hold it."""
    full = 4 * target.lanes
    result = [Block(0, target.lanes, channels // full, full)] if channels >= full else []
    first, left = channels // full * full, channels % full
    if left:
        lanes = next(n for n in (4, 8, 16) if 4 * n >= left)
        result.append(Block(first, lanes, 1, left))
    return result


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """A block's weights and parameters, the rule's piece that reads them, and how many sets of weights are added up."""

    block: Block
    weights: Place
    parameters: Place
    rule: str
    sets: int


def pack_block(plan: Plan, matrix: Matrix, block: Block, chosen: Indices, out_rows: list[list[Indices]]) -> PackedBlock:
    """Pack weights (channels, taps) of the channels `chosen` [block][vector and lane].

    out_rows[row] lists groups of four taps, -1 being none. Order: [block][row][set][group][vector and lane][4]. The
    second set (and third) is what int8 can't hold of weights less their zero point.
    """
    channels, taps = matrix.values.shape
    padded = np.zeros((channels + 1, taps + 1), matrix.values.dtype)  # the last ones are what -1 finds
    padded[:channels, :taps] = matrix.values
    sets = split_outliers(padded[chosen])
    groups = [group % (taps + 1) + at * (taps + 1) for row in out_rows for at in range(len(sets)) for group in row]
    ordered = np.concatenate(sets, axis=2)[:, :, np.array(groups)].transpose(0, 2, 1, 3)
    weights, parameters = plan.constant(ordered), plan.constant(matrix.parameters(chosen))
    return PackedBlock(block, weights, parameters, matrix.piece, len(sets))
