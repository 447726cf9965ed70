"""Packages whose modules and names are imported when they are first used: a model pays for the operators it has."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


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


def names_of(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`: each public name comes from the module in which `modules` says that it is."""

    def resolve(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f".{modules[name]}", package), name)

    return resolve
