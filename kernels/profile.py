"""The three kernel sets of the runtime, by name."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

T = TypeVar("T")


class Profile(Enum):
    """A kernel set of ai-edge-litert 2.3.0 (x86-64 wheel) that is reproduced bit for bit on integers.

    XNNPACK    its delegate where it takes the node, optimized kernels elsewhere (the runtime's default)
    OPTIMIZED  built-in kernels without a delegate
    REFERENCE  reference kernels
    """

    XNNPACK = "xnnpack"
    OPTIMIZED = "optimized"
    REFERENCE = "reference"

    def pick(self, *, reference: T, optimized: T | None = None, xnnpack: T | None = None) -> T:
        """The rule of this kernel set; where none is named, the next simpler set's: xnnpack, optimized, reference."""
        rules = {
            Profile.REFERENCE: (reference,),
            Profile.OPTIMIZED: (optimized, reference),
            Profile.XNNPACK: (xnnpack, optimized, reference),
        }[self]
        return next(rule for rule in rules if rule is not None)
