"""Emitted products of matrices of bytes equal the reference, whichever is computed, given swapped, or broadcast."""

from __future__ import annotations

import numpy as np
from emitted_cases import eight, random_bytes, requantizer, rules
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.batch_matmul import Product, plan_batch_matmul
from qengine.kernels.reference.batch_matmul import multiply_integers

LENGTHS = st.sampled_from([1, 2, 3, 4, 5, 7, 13, 16, 17, 31, 32, 33, 40, 63, 64, 65, 90, 130])


@settings(max_examples=80, deadline=None)
@given(data=st.data(), m=LENGTHS, k=LENGTHS, n=LENGTHS, swapped=st.tuples(st.booleans(), st.booleans()))
def test_products_equal_the_reference(variant, data, m, k, n, swapped):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    outer = data.draw(st.sampled_from([((), ()), ((2,), (2,)), ((3, 1), (2,)), ((1,), (2, 2)), ((2,), ())]))
    x_shape = (*outer[0], *((k, m) if swapped[0] else (m, k)))
    y_shape = (*outer[1], *((n, k) if swapped[1] else (k, n)))
    x, y = random_bytes(rng, x_shape, True), random_bytes(rng, y_shape, True)
    types = [eight(data.draw, True) for _ in range(3)]
    if data.draw(st.booleans()):
        types[1] = type(types[1])(True, 0)
    real = rng.uniform(0.2, 3) / (70 * 70 * np.sqrt(k))
    rule = data.draw(rules(np.full(n, real), types[2].zero_point))
    turned = [np.swapaxes(part, -1, -2) if turn else part for part, turn in zip((x, y), swapped, strict=True)]
    sums = multiply_integers(turned[0], types[0].zero_point, turned[1], types[1].zero_point, np.int32)
    want = requantizer(rule)(sums, types[2].zero_point, -128, 127, np.int8)
    for constant in (None, y):
        product = Product(x_shape, y_shape, *swapped, constant, types[1].zero_point)
        compiled = plan_batch_matmul(variant, product, types[0], types[2], rule)
        assert np.array_equal(run(compiled, [x, y], want.shape, np.int8), want)
