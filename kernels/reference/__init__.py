"""Every operator's arithmetic in NumPy, obviously right: the oracle, and what runs where nothing compiles.

Modules are imported on first use: `reference.sparse.densify`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..first_use import modules_of

if TYPE_CHECKING:
    from . import activations as activations
    from . import eigen_floats as eigen_floats
    from . import extremes as extremes
    from . import sparse as sparse
    from . import xnnpack_floats as xnnpack_floats

__getattr__ = modules_of(__name__)
