"""Options of custom operators: numbers by name in a FlexBuffer map, read from bytes that nobody has checked."""

from __future__ import annotations

import struct
from typing import Any

from flatbuffers import flexbuffers

from ...errors import ModelError
from ...op import CustomOp

UNREADABLE = (
    AssertionError,
    AttributeError,
    LookupError,
    OverflowError,
    TypeError,
    ValueError,
    struct.error,
)
"""What the package raises for bytes that aren't what they claim to be. Nothing nested is read: nothing recurs."""


class Options:
    """The map at the root. What it doesn't hold is 0, as for the runtime, unless a default says otherwise."""

    def __init__(self, op: CustomOp) -> None:
        self._op = op
        data = b"" if op.options is None else bytes(op.options.data)
        self._map: Any = self._guarded(lambda: flexbuffers.GetRoot(data).AsMap)

    def integer(self, name: str, default: int = 0) -> int:
        """An int32."""
        ref = self._find(name)
        value = default if ref is None else self._guarded(lambda: int(ref.AsFloat) if ref.IsFloat else int(ref.AsInt))
        if not -(2**31) <= value < 2**31:
            raise ModelError(f"expected {name} as an int32, got {value}", "custom_options")
        return value

    def real(self, name: str) -> float:
        ref = self._find(name)
        return 0.0 if ref is None else self._guarded(lambda: float(ref.AsFloat))

    def flag(self, name: str) -> bool:
        ref = self._find(name)
        return ref is not None and self._guarded(lambda: bool(ref.AsBool))

    def _find(self, name: str) -> Any:
        def look() -> Any:
            try:
                ref = self._map[name]
            except KeyError as error:
                if error.args == (name,):
                    return None
                raise
            return None if ref.IsNull else ref

        ref = self._guarded(look)
        if ref is not None and not self._guarded(lambda: ref.IsNumeric or ref.IsBool):
            raise ModelError(f"expected {name} as a number, got something else", "custom_options")
        return ref

    def _guarded(self, read: Any) -> Any:
        try:
            return read()
        except UNREADABLE as error:
            raise ModelError(
                f"expected options of {self._op.custom_code} in a FlexBuffer map, got {type(error).__name__}: {error}",
                "custom_options",
            ) from error
