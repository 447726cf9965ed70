"""Reading and writing `.tflite` files."""

from __future__ import annotations

from .check import check_model
from .files import load, save
from .writer import to_bytes

__all__ = ["check_model", "load", "save", "to_bytes"]
