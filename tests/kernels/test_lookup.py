"""Lookup tables, 8 bits by enumeration and 16 bits by interpolation."""

from __future__ import annotations

import numpy as np
import pytest

from qengine.kernels.lookup import lookup, lookup_int16, lookup_table, lookup_table_int16


def identity(real):
    return real


def test_a_table_is_read_by_eye():
    # real = 0.5 * (q - 2), doubled, in steps of 0.25 around -1: q_out = 4 * (q - 2) - 1
    table = lookup_table(lambda real: real * 2, 0.5, 2, 0.25, -1, np.int8)
    q = np.array([[-128, 0, 1], [2, 3, 127]], np.int8)
    assert lookup(q, table).tolist() == [[-128, -9, -5], [-1, 3, 127]]


@pytest.mark.parametrize(("dtype", "zero_point"), [(np.int8, -3), (np.uint8, 125)])
def test_every_number_goes_through_the_function_in_float32(dtype, zero_point):
    limits = np.iinfo(dtype)
    q = np.arange(limits.min, limits.max + 1).astype(dtype)
    table = lookup_table(np.tanh, 0.02, zero_point, 1 / 128, zero_point, dtype)
    real = np.tanh(0.02 * (q.astype(np.float64) - zero_point)) * 128 + zero_point
    assert np.abs(lookup(q, table) - np.clip(real, limits.min, limits.max)).max() < 0.501  # half an LSB, and float32
    assert table.dtype == dtype


def test_ties_round_away_from_zero():
    table = lookup_table(identity, 0.5, 0, 1.0, 0, np.int8)
    assert lookup(np.array([-3, -1, 1, 3], np.int8), table).tolist() == [-2, -1, 1, 2]


def test_infinity_is_clamped_and_nan_is_zero():
    def poles(real):
        return np.select([real < 0, real > 0], [np.float32(-np.inf), np.float32(np.inf)], np.float32(np.nan))

    table = lookup_table(poles, 1.0, 0, 1.0, 5, np.int8)
    assert lookup(np.array([-1, 0, 1], np.int8), table).tolist() == [-128, 0, 127]


def test_a_function_that_leaves_float32_is_refused():
    with pytest.raises(TypeError, match="expected a function to float32, got float64"):
        lookup_table(lambda real: real.astype(np.float64), 1.0, 0, 1.0, 0, np.int8)


def test_a_table_of_another_width_is_refused():
    with pytest.raises(ValueError, match="expected an 8-bit type, got int16"):
        lookup_table(identity, 1.0, 0, 1.0, 0, np.int16)


@pytest.mark.parametrize("float_type", [np.float32, np.float64])
def test_a_16_bit_table_of_a_line_is_the_line(float_type):
    scale = float_type(2.0**-12)
    x = np.arange(-(2**15), 2**15).astype(np.int16)
    table = lookup_table_int16(identity, scale, 0, scale, 0)
    assert table.shape == (513,)
    assert np.abs(lookup_int16(x, table).astype(int) - x).max() <= 1  # 65536 / 65535: the runtime's inverse scale


def test_a_16_bit_table_is_near_its_function():
    scale, step = np.float64(2.0**-12), np.float64(2.0**-15)
    x = np.arange(-(2**15), 2**15).astype(np.int16)
    q = lookup_int16(x, lookup_table_int16(np.tanh, scale, 0, step, 0))
    # In LSB of the output: 4 where tanh is steep, since the runtime's 512 steps span 65535 numbers and so the middle
    # entry is half an input LSB early; 1.6 from interpolation, (1/32)**2 / 8 * max|tanh''| halved; 0.5 from rounding.
    assert np.abs(q - 2**15 * np.tanh(x / 2**12)).max() < 7


def test_16_bit_interpolation_is_read_by_eye():
    table = np.zeros(513, np.int16)
    table[256:259] = [100, 356, 100]
    x = np.array([0, 1, 64, 127, 128, 192], np.int16)
    assert lookup_int16(x, table).tolist() == [100, 102, 228, 354, 356, 228]
