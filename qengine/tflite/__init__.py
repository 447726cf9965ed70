"""Reading and writing `.tflite` files."""

from __future__ import annotations

from .check import check_model
from .external import detach, embed
from .files import load, save
from .writer import to_bytes

__all__ = ["check_model", "detach", "embed", "load", "save", "to_bytes"]
