"""Holding models against each other and against the runtime: faults found, one number explained, errors split up.

`qengine.compare` is the package, and the function `compare` as well: importing any module in here puts the package in
the function's place, so the package can be called.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import Comparison


class _Callable(ModuleType):
    """A module that can be called: `qengine.compare(a, b, samples)`."""

    def __call__(self, a: Any, b: Any, samples: Any = None, **options: Any) -> Comparison:
        """See `qengine.compare.session.compare`."""
        from .session import compare

        return compare(a, b, samples, **options)


sys.modules[__name__].__class__ = _Callable
