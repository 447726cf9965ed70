"""Random convolutions for property tests: shapes, windows, types and numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from qengine.kernels.reference.conv import Geometry

TYPES = [(np.int8, np.int8), (np.uint8, np.uint8), (np.int16, np.int8)]


class Case(NamedTuple):
    x: Any
    zero_point: int
    weights: Any
    weight_zero_point: int
    bias: Any
    geometry: Any


def _numbers(draw: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Uniform numbers of a type, or its extremes only, where sums are largest."""
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()):
        return rng.choice(np.array([limits.min, limits.max], dtype), shape)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def _operands(draw: Any, x_shape: tuple[int, ...], weight_shape: tuple[int, ...], outputs: int, geometry: Any) -> Case:
    x_type, weight_type = draw(st.sampled_from(TYPES))
    x_limits = np.iinfo(x_type)
    zero_point = 0 if x_type is np.int16 else draw(st.integers(x_limits.min, x_limits.max))
    weight_zero_point = draw(st.integers(0, 255)) if weight_type is np.uint8 else 0
    bias = _numbers(draw, (outputs,), np.int32)
    return Case(
        _numbers(draw, x_shape, x_type),
        zero_point,
        _numbers(draw, weight_shape, weight_type),
        weight_zero_point,
        bias,
        geometry,
    )


small = st.integers(1, 3)
pairs = st.tuples(small, small)
paddings = st.tuples(*[st.integers(0, 2)] * 2)


def _geometry(draw: Any, size: tuple[int, int], kernel: tuple[int, int]) -> Geometry:
    """A window with up to two pixels of padding on each side, that fits at least once."""
    stride, dilation, padding = draw(pairs), draw(pairs), draw(paddings)
    fits = [
        max(draw(st.integers(0, 2)) + before + length - (k - 1) * d - 1, 0) // s + 1
        for length, k, s, d, before in zip(size, kernel, stride, dilation, padding, strict=True)
    ]
    return Geometry(stride, dilation, (fits[0], fits[1]), padding)


@st.composite
def convolutions(draw: Any) -> Case:
    groups, depth, kh, kw, per_group = (draw(small) for _ in range(5))
    outputs = groups * per_group
    x_shape = (draw(st.integers(1, 2)), draw(st.integers(1, 6)), draw(st.integers(1, 6)), groups * depth)
    geometry = _geometry(draw, x_shape[1:3], (kh, kw))
    return _operands(draw, x_shape, (outputs, kh, kw, depth), outputs, geometry)


@st.composite
def depthwise_convolutions(draw: Any) -> Case:
    channels, kh, kw, multiplier = (draw(small) for _ in range(4))
    x_shape = (draw(st.integers(1, 2)), draw(st.integers(1, 6)), draw(st.integers(1, 6)), channels)
    geometry = _geometry(draw, x_shape[1:3], (kh, kw))
    return _operands(draw, x_shape, (1, kh, kw, channels * multiplier), channels * multiplier, geometry)


@st.composite
def transposed_convolutions(draw: Any) -> Case:
    outputs, kh, kw, depth = (draw(small) for _ in range(4))
    x_shape = (draw(st.integers(1, 2)), draw(small), draw(small), depth)
    output = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    geometry = dict(stride=draw(pairs), padding=draw(paddings), output=output)
    return _operands(draw, x_shape, (outputs, kh, kw, depth), outputs, geometry)


@st.composite
def products(draw: Any) -> Case:
    rows, depth, outputs = (draw(st.integers(0, 5)) for _ in range(3))
    return _operands(draw, (rows, depth), (outputs, depth), outputs, None)
