"""Plans of every float32 kernel family, with every word that a name may hold."""

from __future__ import annotations

import itertools

import numpy as np

from qengine.kernels.emit.float32 import (
    batch_matmul,
    convolution,
    dense,
    depthwise,
    elementwise,
    pool,
    recurrent,
    resize,
    softmax,
    sums,
)
from qengine.kernels.emit.float32.layer import Layer
from qengine.kernels.emit.float32.pieces import ANY, Clamp, Order
from qengine.kernels.emit.layer import Geometry
from qengine.kernels.emit.plan import source
from qengine.kernels.reference.resize import Places


def float_plans(variant):
    for channels in (8, 16, 33, 80):
        weights = np.ones((2 * channels, 3, 3, channels), np.float32)
        geometry = Geometry(1, (9, 9, channels), (9, 9, 2 * channels), (3, 3), before=(1, 1))
        yield convolution.plan_convolution(variant, geometry, Layer(weights, None, Clamp(0.0, 6.0)))
        for order in Order:
            yield dense.plan_dense(variant, 1, Layer(weights[:, 0, 0], None, Clamp(0.0), order))
        geometry = Geometry(1, (9, 9, channels), (9, 9, channels), (3, 3), before=(1, 1))
        yield depthwise.plan_depthwise(variant, geometry, Layer(weights[:1, ..., :channels], None, ANY, Order.DOWN))
        yield pool.plan_max_pool(variant, geometry, ANY, False, 0.0)
        yield pool.plan_average_pool(variant, geometry, ANY, True)
        yield pool.plan_average_pool(variant, geometry, ANY, False)
        yield sums.plan_sum(variant, 2, 9, channels, mean=True)
    geometry = Geometry(1, (5, 5, 2), (5, 5, 4), (3, 3), before=(1, 1))
    yield depthwise.plan_depthwise(variant, geometry, Layer(np.ones((1, 3, 3, 4), np.float32), None, ANY))
    yield sums.plan_sum(variant, 2, 9, 1, mean=True)
    yield sums.plan_sum(variant, 2, 9, 1, mean=True, xnnpack=True)
    places = Places(np.zeros(3, np.int64), np.ones(3, np.int64), np.full(3, 0.5, np.float32))
    for channels in (3, 20):
        yield resize.plan_resize_bilinear(variant, 1, (2, 2, channels), places, places)
    yield batch_matmul.plan_batch_matmul(variant, (3, 9), (20, 9), False, True)
    four = [tuple(np.ones(shape, np.float32) for _ in range(4)) for shape in ((20, 5), (20, 20), (20,))]
    three = [(None, *parts[1:]) for parts in four]
    for function, (parts, clip) in itertools.product(recurrent.FUNCTIONS, ((four, 0.0), (three, 1.0))):
        cell = recurrent.Cell(*parts, function, clip)
        yield recurrent.plan_lstm(variant, 2, 1, cell, time_major=True, output_state=source(1), cell_state=source(2))
    yield softmax.plan_softmax(variant, 2, 9, 1.0)
    places = Places(np.zeros(3, np.int64), np.ones(3, np.int64), np.full(3, 0.5, np.float32))
    for channels in (3, 20):
        yield resize.plan_resize_bilinear(variant, 1, (2, 2, channels), places, places)
    yield batch_matmul.plan_batch_matmul(variant, (3, 9), (20, 9), False, True)
    four = [tuple(np.ones(shape, np.float32) for _ in range(4)) for shape in ((20, 5), (20, 20), (20,))]
    three = [(None, *parts[1:]) for parts in four]
    for function, (parts, clip) in itertools.product(recurrent.FUNCTIONS, ((four, 0.0), (three, 1.0))):
        cell = recurrent.Cell(*parts, function, clip)
        yield recurrent.plan_lstm(variant, 2, 1, cell, time_major=True, output_state=source(1), cell_state=source(2))
    yield softmax.plan_softmax(variant, 2, 9, 1.0, xnnpack=True)
    for name in elementwise.UNARY:
        yield elementwise.plan_unary(variant, name, 100)
    for name in elementwise.BINARY:
        yield elementwise.plan_binary(variant, name, (3, 70), (3, 1), Clamp(0.0), flush=True)
