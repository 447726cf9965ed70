"""Values to the bytes of a constant: the inverse of `Tensor.array`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import TensorType

_BITS_ONLY = (TensorType.BFLOAT16, TensorType.FLOAT8_E4M3FN, TensorType.FLOAT8_E5M2)
_OF_DTYPE = {
    member.dtype: member
    for member in TensorType
    if (member.bits >= 8 and member not in _BITS_ONLY) or member is TensorType.STRING
}


def type_of(dtype: Any) -> TensorType:
    """The element type that a NumPy type, its name or a TensorType means. TypeError where there is none."""
    if isinstance(dtype, TensorType):
        return dtype
    if isinstance(dtype, str) and dtype.upper() in TensorType.__members__:
        return TensorType[dtype.upper()]
    found = np.dtype(dtype)
    if found.kind in "US":
        return TensorType.STRING
    if found.newbyteorder("=") not in _OF_DTYPE:
        raise TypeError(f"expected a type that a tensor can have, got {found}")
    return _OF_DTYPE[found.newbyteorder("=")]


def integer_range(type_: TensorType) -> tuple[int, int]:
    """The least and the greatest value of an integer type: (-8, 7) for INT4."""
    signed = type_.dtype.kind == "i"
    return (-(1 << type_.bits - 1), (1 << type_.bits - 1) - 1) if signed else (0, (1 << type_.bits) - 1)


def as_values(values: Any) -> NDArray[Any]:
    """Arrays as they are; numbers and lists as float32, int32, bool or objects: what TFLite expects of constants."""
    array = np.asarray(values)
    if array.dtype.kind in "USO":
        return array.astype(object)
    if isinstance(values, np.ndarray | np.generic):
        return array
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    if array.dtype.kind == "i":
        return _within(array, TensorType.INT32).astype(np.int32)
    return array


def pack(array: NDArray[Any], type_: TensorType) -> bytes:
    """The bytes of a constant: little endian in C order; 4 and 2 bit elements share bytes, low bits first; strings with
    their offsets before them. BFLOAT16 and FLOAT8 are given as their bits (uint16, uint8).

    Floats narrow by rounding to nearest, ties to even. ValueError where a value doesn't fit the type: an integer
    outside its range, a finite float that would become infinite, a real number for an integer type.
    """
    if type_ is TensorType.STRING:
        return pack_strings(array)
    if type_.bits == 0:
        raise ValueError(f"expected a type with elements of a fixed size, got {type_.name}")
    dtype = type_.dtype
    if dtype.kind == "b":
        _expect(array, "b", type_)
        return array.tobytes()
    if dtype.kind in "iu":
        _expect(array, "iu", type_)
        narrow = _within(array, type_).astype(dtype)
        return _pack_bits(narrow, type_.bits) if type_.bits < 8 else _little_endian(narrow)
    _expect(array, "iufc" if dtype.kind == "c" else "iuf", type_)
    with np.errstate(over="ignore"):
        rounded = array.astype(dtype)
    if (np.isinf(rounded) & np.isfinite(array)).any():
        raise ValueError(f"expected values that {type_.name} holds, got {np.abs(array).max()}")
    return _little_endian(rounded)


def pack_strings(strings: NDArray[Any]) -> bytes:
    """TFLite's string buffer: int32 count, count + 1 int32 offsets from the buffer's start, then UTF-8 bytes."""
    parts = [part.encode() if isinstance(part, str) else bytes(part) for part in strings.reshape(-1)]
    offsets = 4 * (len(parts) + 2) + np.cumsum([0, *map(len, parts)])
    return np.array([len(parts), *offsets], "<i4").tobytes() + b"".join(parts)


def _pack_bits(narrow: NDArray[Any], bits: int) -> bytes:
    in_byte = 8 // bits
    fields = narrow.reshape(-1).view(np.uint8) & ((1 << bits) - 1)
    fields = np.pad(fields, (0, -len(fields) % in_byte)).reshape(-1, in_byte)
    shifted = fields << (np.arange(in_byte, dtype=np.uint8) * np.uint8(bits))
    return bytes(np.bitwise_or.reduce(shifted, axis=1).astype(np.uint8))


def _little_endian(array: NDArray[Any]) -> bytes:
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _expect(array: NDArray[Any], kinds: str, type_: TensorType) -> None:
    if array.dtype.kind not in kinds:
        raise ValueError(f"expected values for {type_.name}, got {array.dtype}")


def _within(array: NDArray[Any], type_: TensorType) -> NDArray[Any]:
    low, high = integer_range(type_)
    if array.size and (int(array.min()) < low or int(array.max()) > high):
        raise ValueError(f"expected values in [{low}, {high}] for {type_.name}, got [{array.min()}, {array.max()}]")
    return array
