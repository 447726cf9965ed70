"""Emitted bilinear resizing equals the reference, at any size and with any centers."""

from __future__ import annotations

import numpy as np
from emitted_cases import CHANNELS, random_bytes
from guarded import run
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.float32.resize import plan_resize_bilinear as plan_float_resize
from qengine.kernels.emit.resize import plan_resize_bilinear
from qengine.kernels.reference.resize import (
    Centers,
    bilinear_fixed_point,
    bilinear_lines,
    bilinear_steps,
    in_steps,
    places_clamped,
    places_fixed_point,
    places_float32,
)

SIDES = st.tuples(st.integers(1, 9), st.integers(1, 20))


@st.composite
def images(draw, centers):
    """An image and the places of its rows and columns, by either rule."""
    (height, out_height), (width, out_width) = draw(SIDES), draw(SIDES)
    signed, rule = draw(st.booleans()), draw(st.sampled_from(["up", "away"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = random_bytes(rng, (draw(st.integers(1, 2)), height, width, draw(CHANNELS)), signed)
    if draw(st.booleans()):
        x = np.where(x > 0, np.iinfo(x.dtype).max, np.iinfo(x.dtype).min).astype(x.dtype)
    placing = places_fixed_point if rule == "away" else lambda *sides: in_steps(places_clamped(*sides))
    try:
        return x, rule, placing(height, out_height, centers), placing(width, out_width, centers)
    except ValueError:
        assume(False)


@settings(max_examples=80)
@given(data=st.data(), corners=st.booleans(), half=st.booleans())
def test_pixels_are_mixed_as_by_the_reference(variant, data, corners, half):
    x, rule, rows, columns = data.draw(images(Centers(corners, half and not corners)))
    mix = bilinear_steps if rule == "up" else bilinear_fixed_point
    want = mix(x, rows, columns).astype(x.dtype)
    compiled = plan_resize_bilinear(variant, len(x), x.shape[1:], rows, columns, x.dtype == np.int8, rule)
    assert np.array_equal(run(compiled, [x], want.shape, x.dtype), want)


@settings(max_examples=60)
@given(
    sides=st.tuples(SIDES, SIDES),
    channels=CHANNELS,
    corners=st.booleans(),
    half=st.booleans(),
    clamped=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_floats_are_mixed_as_by_the_reference(variant, sides, channels, corners, half, clamped, seed):
    (height, out_height), (width, out_width) = sides
    placing = places_clamped if clamped else places_float32
    centers = Centers(corners, half and not corners)
    rows, columns = placing(height, out_height, centers), placing(width, out_width, centers)
    x = np.random.default_rng(seed).standard_normal((2, height, width, channels)).astype(np.float32)
    want = bilinear_lines(x, rows, columns)
    got = run(plan_float_resize(variant, 2, x.shape[1:], rows, columns), [x], want.shape, np.float32)
    assert np.array_equal(got, want)
