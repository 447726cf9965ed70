"""The functions that formulas name, on single numbers: what NumPy's are called when they are read out loud."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...kernels import fixed_point
from ...kernels.reference import add


def clamp(x: Any, low: Any, high: Any) -> Any:
    """The nearest number in [low, high]."""
    return np.clip(x, low, high)


def _plain(name: str) -> Any:
    function = getattr(np, name)
    return lambda *numbers: function(*numbers)


def _bits(kind: str, bits: int) -> Any:
    """The bits of an integer, read as an integer of another type."""

    def read(x: Any) -> Any:
        low = int(x) & ((1 << bits) - 1)
        return low - (1 << bits) if kind == "int" and low >> (bits - 1) else low

    return read


_PLAIN = ("sign", "trunc", "floor", "ceil", "exp", "log", "sqrt", "tanh", "expm1", "copysign", "ldexp", "fmod", "frexp")

NAMES: dict[str, Any] = {
    "__builtins__": {},
    "min": np.minimum,
    "max": np.maximum,
    "abs": np.abs,
    "clamp": clamp,
    "half_to_even": np.rint,
    "f32": np.float32,
    "f16": np.float16,
    "f64": np.float64,
    **{name: _plain(name) for name in _PLAIN},
    **{f"as_{kind}{bits}": _bits(kind, bits) for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{
        name: getattr(fixed_point, name)
        for name in (
            "wrap_int32",
            "saturate",
            "round_half_away",
            "float_to_int32",
            "saturating_rounding_doubling_high_mul",
            "saturating_rounding_doubling_high_mul_int16",
            "rounding_divide_by_pot",
            "rounding_divide_by_pot_unchecked",
        )
    },
    "wrap_int16": add.wrap_int16,
    "INT32_MAX": fixed_point.INT32_MAX,
    "INT32_MIN": fixed_point.INT32_MIN,
}
"""All that a formula may name besides its own numbers."""
