"""One or more cases for every entry of the table of gradients: small shapes, numbers away from kinks."""

from __future__ import annotations

from typing import Any

import numpy as np
from differences import Case, Variable

from qengine.op import Op
from qengine.ops import find
from qengine.options import ActivationFunctionType as Fused
from qengine.options import MirrorPadMode, Padding
from qengine.train.batch_normalization import BatchNormalization
from qengine.train.dropout import Dropout

SAME, VALID = Padding.SAME, Padding.VALID
RNG = np.random.default_rng(3)


def op(name: str, **options: Any) -> Op:
    found = find(name)
    assert found is not None
    return found(**options)


def real(*shape: int, low: float = -2.0, high: float = 2.0) -> Any:
    """Numbers in (low, high), at least 0.1 apart from each other's kinks: none within 0.1 of -1, 0, 1, 3 or 6."""
    x = RNG.uniform(low, high, shape)
    for kink in (-3, -1, 0, 1, 3, 6):
        near = np.abs(x - kink) < 0.1
        x = np.where(near, kink + np.where(x >= kink, 0.15, -0.15), x)
    return x


def distinct(*shape: int) -> Any:
    """Numbers of which no two are closer than 0.1."""
    count = int(np.prod(shape))
    return (RNG.permutation(count) - count / 2 + 0.25).reshape(shape) * 0.15


def whole(*numbers: Any) -> Any:
    return np.array(numbers, np.int32)


def conv(**options: Any) -> Op:
    return op("CONV_2D", **({"padding": SAME, "stride_w": 1, "stride_h": 1} | options))


def depthwise(**options: Any) -> Op:
    return op("DEPTHWISE_CONV_2D", **({"padding": SAME, "stride_w": 1, "stride_h": 1} | options))


def pool(name: str, size: tuple[int, int], stride: tuple[int, int], padding: Padding) -> Op:
    return op(
        name,
        padding=padding,
        stride_h=stride[0],
        stride_w=stride[1],
        filter_height=size[0],
        filter_width=size[1],
    )


def lstm(*, peephole: bool = False, coupled: bool = False, projection: bool = False, **options: Any) -> Case:
    batch, steps, width, cells = 2, 3, 2, 3
    outputs = 2 if projection else cells
    x = real(steps, batch, width) if options.get("time_major") else real(batch, steps, width)
    first = [None if coupled else real(cells, width)]
    inputs = [x, *first, *(real(cells, width) for _ in range(3))]
    inputs += [None if coupled else real(cells, outputs), *(real(cells, outputs) for _ in range(3))]
    inputs += [real(cells) if peephole and not coupled else None]
    inputs += [real(cells) if peephole else None for _ in range(2)]
    inputs += [None if coupled else real(cells), *(real(cells) for _ in range(3))]
    inputs += [real(outputs, cells), real(outputs)] if projection else [None, None]
    inputs += [Variable((batch, outputs)), Variable((batch, cells))]
    made = op("UNIDIRECTIONAL_SEQUENCE_LSTM", fused_activation_function=Fused.TANH, **options)
    return Case(made, tuple(inputs))


def normalized(*shape: int) -> tuple[Any, ...]:
    """x, gamma, beta, and the moving mean and variance."""
    c = shape[-1]
    return real(*shape), real(c), real(c), real(c), real(c, low=0.5)


CASES = [
    Case(conv(), (real(2, 4, 3, 2), real(3, 3, 3, 2), real(3))),
    Case(conv(), (real(2, 3, 3, 2), real(4, 1, 1, 2), real(4))),
    Case(conv(padding=VALID, stride_h=2), (real(1, 5, 4, 1), real(2, 3, 2, 1), real(2))),
    Case(conv(stride_w=2, stride_h=2), (real(1, 4, 5, 1), real(2, 2, 3, 1), real(2))),
    Case(conv(stride_w=2, stride_h=2, padding=VALID), (real(1, 4, 5, 2), real(2, 1, 1, 2), real(2))),
    Case(conv(dilation_h_factor=2), (real(1, 5, 3, 1), real(1, 2, 2, 1), real(1))),
    Case(conv(), (real(1, 3, 3, 4), real(4, 2, 2, 2), real(4))),
    Case(conv(fused_activation_function=Fused.RELU), (real(1, 2, 2, 2), real(2, 1, 1, 2), real(2))),
    Case(conv(fused_activation_function=Fused.RELU_N1_TO_1), (real(1, 2, 2, 2), real(2, 1, 1, 2), real(2))),
    Case(depthwise(), (real(2, 3, 4, 2), real(1, 3, 3, 2), real(2))),
    Case(depthwise(stride_h=2, stride_w=2), (real(1, 5, 4, 2), real(1, 3, 2, 4), real(4))),
    Case(depthwise(padding=VALID, dilation_w_factor=2), (real(1, 3, 5, 1), real(1, 2, 2, 3), real(3))),
    Case(
        op("TRANSPOSE_CONV", padding=SAME, stride_w=2, stride_h=2),
        (whole(1, 5, 4, 2), real(2, 3, 3, 1), real(1, 3, 2, 1), real(2)),
    ),
    Case(
        op("TRANSPOSE_CONV", padding=VALID, stride_w=1, stride_h=2),
        (whole(2, 5, 3, 2), real(2, 3, 2, 3), real(2, 2, 2, 3)),
    ),
    Case(op("FULLY_CONNECTED"), (real(2, 3, 2), real(2, 3), real(2))),
    Case(op("FULLY_CONNECTED", keep_num_dims=True), (real(2, 1, 3), real(2, 3), None)),
    Case(op("FULLY_CONNECTED", fused_activation_function=Fused.RELU6), (real(3, 3), real(4, 3), real(4))),
    Case(op("BATCH_MATMUL"), (real(2, 2, 3), real(2, 3, 2))),
    Case(op("BATCH_MATMUL", adj_x=True, adj_y=True), (real(2, 3, 2), real(1, 2, 3))),
    Case(pool("AVERAGE_POOL_2D", (2, 2), (2, 2), VALID), (real(2, 4, 4, 2),)),
    Case(pool("AVERAGE_POOL_2D", (3, 2), (1, 2), SAME), (real(1, 4, 5, 1),)),
    Case(pool("AVERAGE_POOL_2D", (2, 2), (2, 2), VALID), (real(1, 5, 4, 1),)),
    Case(pool("MAX_POOL_2D", (2, 2), (2, 2), VALID), (distinct(2, 4, 4, 1),)),
    Case(pool("MAX_POOL_2D", (3, 2), (1, 2), SAME), (distinct(1, 4, 5, 1),)),
    Case(pool("L2_POOL_2D", (2, 3), (2, 1), SAME), (real(1, 3, 4, 2),)),
    Case(op("ADD"), (real(2, 3), real(3))),
    Case(op("ADD", fused_activation_function=Fused.RELU), (real(2, 3), real(2, 1))),
    Case(op("SUB"), (real(2, 3), real(1, 3))),
    Case(op("MUL"), (real(2, 3), real(2, 1))),
    Case(op("DIV"), (real(2, 3), real(3, low=0.5))),
    Case(op("SQUARED_DIFFERENCE"), (real(2, 3), real(3))),
    Case(op("MAXIMUM"), (distinct(2, 3), distinct(3) + 0.03)),
    Case(op("MINIMUM"), (distinct(2, 3), distinct(2, 1) + 0.03)),
    Case(op("POW"), (real(2, 3, low=0.5), real(3))),
    Case(op("ATAN2"), (real(2, 3), real(2, 3, low=0.5))),
    Case(op("FLOOR_MOD"), (np.array([1.3, -0.7, 2.6]), np.array([0.9, 2.1, 1.1]))),
    Case(op("FLOOR_DIV"), (np.array([1.3, -0.7, 2.6]), np.array([0.9, 2.1, 1.1]))),
    Case(op("ADD_N"), (real(2, 2), real(2, 2), real(2, 2))),
    Case(op("SELECT"), (np.array([True, False]), real(2, 2), real(2, 2))),
    Case(op("SELECT_V2"), (np.array([[True], [False]]), real(2, 2), real(2))),
    Case(op("CAST"), (real(2, 3),)),
    Case(op("ABS"), (real(2, 3),)),
    Case(op("NEG"), (real(2, 3),)),
    Case(op("SQUARE"), (real(2, 3),)),
    Case(op("SQRT"), (real(2, 3, low=0.5),)),
    Case(op("RSQRT"), (real(2, 3, low=0.5),)),
    Case(op("EXP"), (real(2, 3),)),
    Case(op("LOG"), (real(2, 3, low=0.5),)),
    Case(op("SIN"), (real(2, 3),)),
    Case(op("COS"), (real(2, 3),)),
    Case(op("CEIL"), (np.array([0.3, -1.4, 2.6]),)),
    Case(op("FLOOR"), (np.array([0.3, -1.4, 2.6]),)),
    Case(op("ROUND"), (np.array([0.3, -1.4, 2.6]),)),
    Case(op("SIGN"), (real(3),)),
    Case(op("ZEROS_LIKE"), (real(3),)),
    Case(op("RELU"), (real(3, 4),)),
    Case(op("RELU6"), (real(3, 4, low=-3, high=9),)),
    Case(op("RELU_0_TO_1"), (real(3, 4),)),
    Case(op("RELU_N1_TO_1"), (real(3, 4),)),
    Case(op("LOGISTIC"), (real(3, 4),)),
    Case(op("TANH"), (real(3, 4),)),
    Case(op("ELU"), (real(3, 4),)),
    Case(op("HARD_SWISH"), (real(3, 4, low=-5, high=5),)),
    Case(op("GELU"), (real(3, 4),)),
    Case(op("GELU", approximate=True), (real(3, 4),)),
    Case(op("LEAKY_RELU", alpha=0.3), (real(3, 4),)),
    Case(op("PRELU"), (real(2, 2, 3), real(1, 3))),
    Case(op("SOFTMAX", beta=1.0), (real(2, 4),)),
    Case(op("SOFTMAX", beta=0.5), (real(2, 2, 3),)),
    Case(op("LOG_SOFTMAX"), (real(2, 4),)),
    Case(op("L2_NORMALIZATION"), (real(2, 4),)),
    Case(op("SUM", keep_dims=True), (real(2, 3, 2), whole(1))),
    Case(op("SUM"), (real(2, 3, 2), whole(0, 2))),
    Case(op("MEAN", keep_dims=True), (real(2, 3, 2), whole(1, 2))),
    Case(op("MEAN"), (real(2, 3, 2), whole(-1))),
    Case(op("REDUCE_MAX"), (distinct(2, 3, 2), whole(1))),
    Case(op("REDUCE_MIN", keep_dims=True), (distinct(2, 3, 2), whole(0, 2))),
    Case(op("REDUCE_PROD"), (real(2, 3, 2), whole(0, 2))),
    Case(op("CUMSUM"), (real(2, 3), whole(1).reshape(()))),
    Case(op("CUMSUM", exclusive=True, reverse=True), (real(2, 3), whole(0).reshape(()))),
    Case(op("RESHAPE"), (real(2, 3), whole(3, -1))),
    Case(op("SQUEEZE", squeeze_dims=(1,)), (real(2, 1, 3),)),
    Case(op("EXPAND_DIMS"), (real(2, 3), whole(1).reshape(()))),
    Case(op("TRANSPOSE"), (real(2, 3, 4), whole(2, 0, 1))),
    Case(op("CONCATENATION", axis=-1), (real(2, 1), real(2, 3))),
    Case(op("CONCATENATION", axis=0), (real(1, 2), real(2, 2), real(1, 2))),
    Case(op("PAD"), (real(2, 3), whole([1, 0], [2, 1]))),
    Case(op("PADV2"), (real(2, 3), whole([1, 0], [2, 1]), np.array([0.7])), fixed=(2,)),
    Case(op("MIRROR_PAD", mode=MirrorPadMode.REFLECT), (real(2, 3), whole([1, 0], [2, 1]))),
    Case(op("SLICE"), (real(3, 4), whole(1, 0), whole(2, -1))),
    Case(op("STRIDED_SLICE", end_mask=2), (real(3, 5), whole(0, 1), whole(2, 0), whole(1, 2))),
    Case(op("STRIDED_SLICE", shrink_axis_mask=1), (real(3, 4), whole(1, 0), whole(2, 4), whole(1, 1))),
    Case(op("SPLIT", num_splits=2), (whole(1).reshape(()), real(2, 4)), outputs=2),
    Case(op("SPLIT_V", num_splits=2), (real(2, 4), whole(1, 3), whole(1).reshape(())), outputs=2),
    Case(op("PACK", values_count=2, axis=1), (real(2, 3), real(2, 3))),
    Case(op("UNPACK", num=3, axis=1), (real(2, 3),), outputs=3),
    Case(op("GATHER", axis=1), (real(2, 3), whole(2, 0, 2))),
    Case(op("GATHER_ND"), (real(2, 3), whole([1, 0], [0, 2]))),
    Case(op("TILE"), (real(2, 2), whole(2, 3))),
    Case(op("BROADCAST_TO"), (real(2, 1), whole(3, 2, 2))),
    Case(op("REVERSE_V2"), (real(2, 3), whole(1))),
    Case(op("REVERSE_SEQUENCE", seq_dim=1, batch_dim=0), (real(2, 3), whole(2, 3))),
    Case(op("SPACE_TO_DEPTH", block_size=2), (real(1, 4, 2, 1),)),
    Case(op("DEPTH_TO_SPACE", block_size=2), (real(1, 2, 1, 4),)),
    Case(op("SPACE_TO_BATCH_ND"), (real(1, 3, 4, 1), whole(2, 2), whole([1, 0], [0, 0]))),
    Case(op("BATCH_TO_SPACE_ND"), (real(4, 2, 2, 1), whole(2, 2), whole([1, 0], [0, 1]))),
    Case(op("DYNAMIC_UPDATE_SLICE"), (real(3, 4), real(2, 2), whole(1, 0))),
    Case(op("EMBEDDING_LOOKUP"), (whole(2, 0, 2), real(3, 2))),
    Case(op("RESIZE_BILINEAR", half_pixel_centers=True), (real(1, 3, 2, 2), whole(5, 4))),
    Case(op("RESIZE_BILINEAR", align_corners=True), (real(2, 4, 3, 1), whole(2, 5))),
    Case(op("RESIZE_NEAREST_NEIGHBOR"), (real(1, 3, 2, 2), whole(6, 3))),
    Case(BatchNormalization(), normalized(2, 3, 4), fixed=(3, 4)),
    Case(BatchNormalization(epsilon=0.1), normalized(5, 2), fixed=(3, 4), training=True),
    Case(BatchNormalization(), normalized(2, 3, 2, 3), fixed=(3, 4), training=True),
    Case(Dropout(0.4), (real(3, 4),)),
    Case(Dropout(0.4), (real(3, 4),), training=True),
    Case(op("FAKE_QUANT", min=-1.0, max=1.0, num_bits=16), (real(3, 4),)),
    lstm(),
    lstm(peephole=True, projection=True),
    lstm(peephole=True, coupled=True),
    lstm(time_major=True, cell_clip=0.4),
    Case(
        op("SVDF", rank=2, fused_activation_function=Fused.RELU),
        (real(2, 3), real(4, 3), real(4, 5), real(2), Variable((2, 20))),
    ),
    Case(
        op("SVDF", rank=1, fused_activation_function=Fused.TANH),
        (real(2, 3), real(2, 3), real(2, 2), None, Variable((2, 4))),
    ),
]
