"""FarmHash's 64-bit fingerprint of byte strings of one length, for LSH_PROJECTION."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

UInt64Array = npt.NDArray[np.uint64]
Pair = tuple[UInt64Array, UInt64Array]

K0, K1, K2 = (np.uint64(k) for k in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))


def fingerprint64(keys: npt.NDArray[np.uint8]) -> UInt64Array:
    """Byte strings (n, length) to their fingerprints (n). All sums and products wrap in 64 bits."""
    length = keys.shape[1]

    def fetch(at: int, width: int = 8) -> UInt64Array:
        """The `width` bytes at `at` (from the end where negative), low byte first."""
        begin = at if at >= 0 else length + at
        part = np.zeros((len(keys), 8), np.uint8)
        part[:, :width] = keys[:, begin : begin + width]
        return part.view("<u8")[:, 0].astype(np.uint64)

    if length > 64:
        return _long(fetch, len(keys), length)
    if length > 32:
        return _to_64(fetch, length)
    if length > 16:
        return _to_32(fetch, length)
    return _to_16(fetch, len(keys), length)


def _rotate(x: UInt64Array, by: int) -> UInt64Array:
    return (x >> np.uint64(by)) | (x << np.uint64(64 - by))


def _mix(x: UInt64Array) -> UInt64Array:
    return x ^ (x >> np.uint64(47))


def _join(u: UInt64Array, v: UInt64Array, factor: UInt64Array | np.uint64) -> UInt64Array:
    return _mix((v ^ _mix((u ^ v) * factor)) * factor) * factor


def _factor(length: int) -> np.uint64:
    return np.uint64((int(K2) + 2 * length) % 2**64)


def _to_16(fetch: Callable[..., UInt64Array], count: int, length: int) -> UInt64Array:
    factor = _factor(length)
    if length >= 8:
        a, b = fetch(0) + K2, fetch(-8)
        return _join(_rotate(b, 37) * factor + a, (_rotate(a, 25) + b) * factor, factor)
    if length >= 4:
        return _join((fetch(0, 4) << np.uint64(3)) + np.uint64(length), fetch(-4, 4), factor)
    if length > 0:
        y = fetch(0, 1) + (fetch(length >> 1, 1) << np.uint64(8))
        z = np.uint64(length) + (fetch(-1, 1) << np.uint64(2))
        return _mix(y * K2 ^ z * K0) * K2
    return np.full(count, K2)


def _to_32(fetch: Callable[..., UInt64Array], length: int) -> UInt64Array:
    factor = _factor(length)
    a, b, c, d = fetch(0) * K1, fetch(8), fetch(-8) * factor, fetch(-16) * K2
    return _join(_rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + K2, 18) + c, factor)


def _to_64(fetch: Callable[..., UInt64Array], length: int) -> UInt64Array:
    factor = _factor(length)
    a, b, c, d = fetch(0) * K2, fetch(8), fetch(-8) * factor, fetch(-16) * K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _join(y, a + _rotate(b + K2, 18) + c, factor)
    e, f = fetch(16) * factor, fetch(24)
    g, h = (y + fetch(-32)) * factor, (z + fetch(-24)) * factor
    return _join(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, factor)


def _long(fetch: Callable[..., UInt64Array], count: int, length: int) -> UInt64Array:
    zero = np.zeros(count, np.uint64)
    x = fetch(0) + np.uint64(81 * int(K2) % 2**64)
    y = zero + np.uint64((81 * int(K1) + 113) % 2**64)
    z = _mix(y * K2 + np.uint64(113)) * K2
    v: Pair = (zero, zero)
    w: Pair = (zero, zero)

    def weak(at: int, a: UInt64Array, b: UInt64Array) -> Pair:
        a = a + fetch(at)
        b = _rotate(b + a + fetch(at + 24), 21)
        c = a
        a = a + fetch(at + 8) + fetch(at + 16)
        return a + fetch(at + 24), b + _rotate(a, 44) + c

    end = (length - 1) // 64 * 64
    for at in range(0, end, 64):
        x = _rotate(x + y + v[0] + fetch(at + 8), 37) * K1
        y = _rotate(y + v[1] + fetch(at + 48), 42) * K1
        x = x ^ w[1]
        y = y + v[0] + fetch(at + 40)
        z = _rotate(z + w[0], 33) * K1
        v = weak(at, v[1] * K1, x + w[0])
        w = weak(at + 32, z + w[1], y + fetch(at + 16))
        z, x = x, z
    factor = K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    at, nine = length - 64, np.uint64(9)
    w = (w[0] + np.uint64((length - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x = _rotate(x + y + v[0] + fetch(at + 8), 37) * factor
    y = _rotate(y + v[1] + fetch(at + 48), 42) * factor
    x = x ^ w[1] * nine
    y = y + v[0] * nine + fetch(at + 40)
    z = _rotate(z + w[0], 33) * factor
    v = weak(at, v[1] * factor, x + w[0])
    w = weak(at + 32, z + w[1], y + fetch(at + 16))
    z, x = x, z
    return _join(_join(v[0], w[0], factor) + _mix(y) * K0 + z, _join(v[1], w[1], factor) + x, factor)
