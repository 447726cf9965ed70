"""Reading and writing `.tflite` files. Public names are resolved on first use: who runs a model doesn't write one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernels.first_use import names_of

if TYPE_CHECKING:
    from .check import check_model as check_model
    from .external import detach as detach
    from .external import embed as embed
    from .files import load as load
    from .writer import save as save
    from .writer import to_bytes as to_bytes

_PUBLIC = {
    "check_model": "check",
    "detach": "external",
    "embed": "external",
    "load": "files",
    "save": "writer",
    "to_bytes": "writer",
}

__all__ = [*_PUBLIC]

__getattr__ = names_of(__name__, _PUBLIC)
