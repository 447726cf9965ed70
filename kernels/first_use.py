"""Packages whose modules are imported when they are first used, so that a model pays for the operators it has."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType


def modules_of(package: str) -> Callable[[str], ModuleType]:
    """A package's `__getattr__`: `emit.pool` is the module of that name, whether or not it was imported before."""

    def resolve(name: str) -> ModuleType:
        wanted = f"{package}.{name}"
        try:
            return importlib.import_module(wanted)
        except ModuleNotFoundError as error:
            if error.name != wanted:
                raise
            raise AttributeError(f"module {package!r} has no attribute {name!r}") from None

    return resolve
