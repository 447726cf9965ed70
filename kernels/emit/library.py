"""Every kernel family by name: from a kernel's name to its LLVM IR."""

from __future__ import annotations

from .dense import DENSE
from .depthwise_any import ANY
from .depthwise_flat import FLAT
from .depthwise_rows import ROWS
from .elementwise import ADD, FLIP, MUL
from .fill import COPY, FILL, PAD, REPEAT
from .gemm import GEMM
from .language import Function
from .lookup import LOOKUP
from .move import COLLECT, MOVE
from .native import symbol
from .plan import Family
from .pool import LARGEST, SUM
from .program import WALK
from .quantize import DEQUANTIZE, QUANTIZE
from .softmax import SOFTMAX
from .target import Target

_ALL = (
    *(
        ADD,
        ANY,
        COLLECT,
        COPY,
        DENSE,
        DEQUANTIZE,
        FILL,
        FLAT,
        FLIP,
        GEMM,
        LARGEST,
        LOOKUP,
        MOVE,
        MUL,
        PAD,
        QUANTIZE,
        REPEAT,
        ROWS,
    ),
    *(SOFTMAX, SUM, WALK),
)
FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}


def text(name: str, variant: Target) -> str:
    """The LLVM IR of the kernel `name`, whose parts after the family are its variant: `gemm_6_4_float_plain_full_int8`.

    KeyError for a family that doesn't exist.
    """
    family, *words = name.split("_")
    f = Function(symbol(name, variant), variant)
    FAMILIES[family].write(f, *(int(word) if word.isdigit() else word for word in words))
    return f.text()
