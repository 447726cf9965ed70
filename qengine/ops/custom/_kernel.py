"""What a custom operator's kernel is: an Op read from the bytes of a CustomOp."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self

from ...op import CustomOp, Op


class BuiltInCustom(Op):
    """Base of the custom operators that come with qengine, as they come with the runtime."""

    code: ClassVar[int] = 32
    custom_code: ClassVar[str]

    @property
    def name(self) -> str:
        return self.custom_code

    @classmethod
    @abstractmethod
    def read(cls, op: CustomOp) -> Self:
        """The operator with its options. ModelError where its bytes don't hold them."""
