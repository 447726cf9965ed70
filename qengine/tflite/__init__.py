"""Reading and writing `.tflite` files."""

from __future__ import annotations

from .files import load, save
from .writer import to_bytes

__all__ = ["load", "save", "to_bytes"]
