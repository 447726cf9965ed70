"""Plans of every float32 kernel family, with every word that a name may hold."""

from __future__ import annotations

import numpy as np

from qengine.kernels.emit.float32 import convolution, dense, depthwise, elementwise, pool, softmax, sums
from qengine.kernels.emit.float32.layer import Layer
from qengine.kernels.emit.float32.pieces import ANY, Clamp, Order
from qengine.kernels.emit.layer import Geometry


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
    yield softmax.plan_softmax(variant, 2, 9, 1.0)
    yield softmax.plan_softmax(variant, 2, 9, 1.0, xnnpack=True)
    for name in elementwise.UNARY:
        yield elementwise.plan_unary(variant, name, 100)
    for name in elementwise.BINARY:
        yield elementwise.plan_binary(variant, name, (3, 70), (3, 1), Clamp(0.0), flush=True)
