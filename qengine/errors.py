"""The two errors of the engine: a model that is wrong, and one that asks for what isn't there."""

from __future__ import annotations

from typing import Self


class ModelError(ValueError):
    """A model, or a file of one, is wrong. Reads `<what was expected, what came> - at `<where>``.

    `where` is a path into the model: `$.subgraphs[0].operators[3].inputs[2]`. An operator knows only its
    own part of it (`inputs[2]`); whoever calls it adds the rest with `within`.
    """

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(f"{message} - at `{where}`" if where else message)
        self.message = message
        self.where = where

    def within(self, place: str) -> Self:
        """The same error, its place being inside `place`."""
        joint = "." if self.where and not self.where.startswith("[") else ""
        return type(self)(self.message, f"{place}{joint}{self.where}")


class Unsupported(ModelError, RuntimeError):
    """The model is sound but asks for an operator, type or option that qengine doesn't have."""
