"""Reading and writing `.tflite` files."""

from __future__ import annotations

from .reader import load
from .writer import save, to_bytes

__all__ = ["load", "save", "to_bytes"]
