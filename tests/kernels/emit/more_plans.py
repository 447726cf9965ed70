"""Plans of the kernel families over plain numbers, int16 and computed matrices, with every word of their names."""

from __future__ import annotations

import itertools

import numpy as np

from qengine.kernels.emit import extremes, numbers
from qengine.kernels.emit.add_fixed import Vectors
from qengine.kernels.emit.batch_matmul import Product, plan_batch_matmul
from qengine.kernels.emit.gather import Slices, plan_gather
from qengine.kernels.emit.layer import Geometry
from qengine.kernels.emit.plan import Eight
from qengine.kernels.emit.resize import plan_resize_bilinear
from qengine.kernels.emit.rounding import FixedRule, FloatRule
from qengine.kernels.emit.wide import depthwise, elementwise, pool, products, softmax
from qengine.kernels.emit.wide.layer import Layer, WideRealRule, WideRule
from qengine.kernels.reference.add import CommonScale, Scales, ZeroPoints
from qengine.kernels.reference.resize import Places


def more_plans(variant):
    yield from number_plans(variant)
    yield from wide_plans(variant)
    yield from wide_pair_plans(variant)
    for bits, size in itertools.product((16, 32, 64), (*(1 << n for n in range(7)), 200)):
        yield plan_gather(variant, Slices(1, 1, 3, 2, size), bits, (0, 1), "inputs[1]")
    eight = Eight(True, 3)
    for n, swapped, zero in itertools.product((20, 70), (False, True), (0, 3)):
        shapes = (2, 3, 9), (2, n, 9) if swapped else (2, 9, n)
        product = Product(*shapes, False, swapped, None, zero)
        yield plan_batch_matmul(variant, product, eight, eight, FloatRule(np.full(n, 0.01, np.float32)))


def wide_pair_plans(variant):
    scale = CommonScale.of(Scales(0.1, 0.2, 0.3), ZeroPoints(0, 0, 0), 15)
    one = np.ones(1, np.int32)
    rules = [FixedRule(one * 2**30, one * shift, one < away, 0) for shift, away in ((-1, 0), (-1, 2), (1, 0))]
    for b_shape in ((3, 70), (1,), (3, 1)):
        for sign, vectors in ((1, None), (1, Vectors(210, 16, True)), (-1, None)):
            if vectors is None or b_shape == (3, 70):
                yield elementwise.plan_sum(variant, (3, 70), b_shape, scale, sign, -9, 9, vectors)
            yield elementwise.plan_pot(variant, (3, 70), b_shape, (0, 1), sign, -9, 9)
        for rule in rules:
            yield elementwise.plan_mul(variant, (3, 70), b_shape, rule, -9, 9)
    for rule in rules:
        yield pool.plan_mean(variant, 1, 9, 20, rule)
    yield softmax.plan_softmax(variant, 1, 9, 2**30, -3, (np.zeros(513, np.int16), np.zeros(513, np.int16)))
    geometry = Geometry(1, (5, 5, 20), (5, 5, 20), (3, 3), before=(1, 1))
    for kind in ("average", "largest"):
        yield pool.plan_pool(variant, kind, geometry, -9, 9)


def number_plans(variant):
    names = itertools.cycle([*numbers.COMPARISONS, *numbers.FUNCTIONS])
    for type, b_shape in itertools.product(numbers.TYPES, ((3, 70), (1,))):
        for name in itertools.islice(names, 5):
            if type != "f32" or name in numbers.COMPARISONS:
                yield numbers.plan_pair(variant, name, type, (3, 70), b_shape)
    for type, which in itertools.product(numbers.TYPES, ("max", "min")):
        yield numbers.plan_choose(variant, type, (9, 9, 9) if which == "max" else (1, 9, 1), 9)
        for inner in (1, 9):
            yield extremes.plan_extreme(variant, which, type, 2, 9, inner)
            yield extremes.plan_place(variant, which, type, "i32" if which == "max" else "i64", 2, 9, inner)
        yield extremes.plan_place(variant, which, type, "i32", 2, 40, 1)
    yield numbers.plan_negate(variant, 9)
    places = Places(np.zeros(3, np.int64), np.ones(3, np.int64), np.full(3, 512))
    for rule, channels in itertools.product(("up", "away"), (3, 20, 70)):
        for height in (2, 4):
            yield plan_resize_bilinear(variant, 1, (height, 2, channels), places, places, True, rule)


def wide_plans(variant):
    for outputs in (40, 70):
        ones = np.ones(outputs, np.int32)
        rules = [
            WideRule(ones * 2**30, ones * -8),
            WideRule(ones * 2**30, ones),
            WideRealRule(np.full(outputs, 0.01)),
            FixedRule(ones * 2**30, ones * -2, ones > 0, 0),
        ]
        for rule, high in itertools.product(rules, (32767, 9)):
            layer = Layer(np.ones((outputs, 3, 3, 5), np.int8), None, -32768, high, rule)
            geometry = Geometry(1, (9, 9, 5), (9, 9, outputs), (3, 3), before=(1, 1))
            yield products.plan_convolution(variant, geometry, layer)
            for size, stride in ((3, 1), (3, 2), (5, 1), (7, 3)):
                layer = Layer(np.ones((1, size, size, outputs), np.int8), None, -32768, high, rule, 3)
                out = -(-9 // stride)
                geometry = Geometry(
                    1, (9, 9, outputs), (out, out, outputs), (size, size), (stride, stride), before=(size // 2,) * 2
                )
                yield depthwise.plan_depthwise(variant, geometry, layer)
