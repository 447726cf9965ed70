"""Every kernel family by name: from a kernel's name to its LLVM IR."""

from __future__ import annotations

from .convolution import GEMM
from .dense import DENSE
from .depthwise import ANY, ROWS
from .fill import COPY, FILL, PAD, REPEAT
from .language import Function
from .native import symbol
from .plan import Family
from .program import WALK
from .target import Target

FAMILIES: dict[str, Family] = {family.name: family for family in (ANY, COPY, DENSE, FILL, GEMM, PAD, REPEAT, ROWS, WALK)}


def text(name: str, variant: Target) -> str:
    """The LLVM IR of the kernel `name`, whose parts after the family are its variant: `gemm_6_4_float_plain`.

    KeyError for a family that doesn't exist.
    """
    family, *words = name.split("_")
    f = Function(symbol(name, variant), variant)
    FAMILIES[family].write(f, *(int(word) if word.isdigit() else word for word in words))
    return f.text()
