"""The one decorator of compiled loops. With NUMBA_DISABLE_JIT=1 it leaves the Python function as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
T = TypeVar("T")


def compiled(loop: Callable[P, T]) -> Callable[P, T]:
    """Compiles a loop for the types of its arguments, when it is first called with them.

    Without the interpreter's lock, and with NumPy's division (no ZeroDivisionError). Floats keep IEEE's rules and the
    order of the source. Indices aren't checked: whoever calls a loop has checked the shapes.
    """
    result: Callable[P, T] = numba.njit(nogil=True, error_model="numpy", fastmath=False, boundscheck=False)(loop)
    return result
