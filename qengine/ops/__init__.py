"""The operators, one a file, found by builtin name: `CONV_2D` is the one class of `ops/conv_2d.py`."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import cache
from typing import Any

from ..op import Op


@cache
def find(name: str) -> type[Op] | None:
    """The operator with this builtin name, or None where it has no file. Imports that file and no other."""
    stem = name.lower()
    spec = importlib.util.find_spec(f"{__name__}.{stem}") if stem.isidentifier() else None
    if spec is None or spec.submodule_search_locations is not None:
        return None
    module = importlib.import_module(f"{__name__}.{stem}")
    found = [
        part
        for part in vars(module).values()
        if isinstance(part, type) and issubclass(part, Op) and part.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise ImportError(f"expected one operator in ops/{stem}.py, got {len(found)}")
    return found[0]


def __getattr__(name: str) -> Any:
    """`ops.Conv2D`: an operator by its class' name. Imports that file and no other."""
    for part in pkgutil.iter_modules(__path__):
        if not part.name.startswith("_") and part.name.replace("_", "") == name.lower():
            operator = find(part.name)
            if operator is not None and operator.__name__ == name:
                globals()[name] = operator
                return operator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
