"""Every kernel family by name: from a kernel's name to its LLVM IR."""

from __future__ import annotations

from .add_fixed import ADD_FIXED
from .batch_matmul import PACK, ROW_SUMS
from .crew import HELP, LEAD
from .dense import DENSE
from .depthwise_any import ANY
from .depthwise_flat import FLAT
from .depthwise_rows import ROWS
from .dynamic.depthwise import SCALE
from .dynamic.gemm import GEMM as DYNAMIC_GEMM
from .dynamic.quantize import QUANTIZE as DYNAMIC_QUANTIZE
from .elementwise import ADD, FLIP, MUL
from .extremes import EXTREME, PLACE
from .fill import COPY, FILL, PAD, REPEAT
from .float32.batch_matmul import TURN
from .float32.dense import DENSE as FLOAT_DENSE
from .float32.depthwise import REPEAT as FLOAT_REPEAT
from .float32.depthwise import TAPS as FLOAT_TAPS
from .float32.depthwise import WINDOW as FLOAT_WINDOW
from .float32.elementwise import BINARY_FAMILY, UNARY_FAMILY
from .float32.gemm import GEMM as FLOAT_GEMM
from .float32.pool import ROWS as FLOAT_ROWS
from .float32.pool import WINDOWS as FLOAT_WINDOWS
from .float32.recurrent import CELL as FLOAT_CELL
from .float32.resize import MIX_PIXELS, MIX_ROWS
from .float32.softmax import SOFTMAX as FLOAT_SOFTMAX
from .gemm import GEMM
from .language import Function
from .lookup import LOOKUP
from .move import COLLECT, MOVE
from .native import symbol
from .numbers import CHOOSE, NEGATE, PAIR
from .plan import Family
from .pool import LARGEST, SUM
from .program import WALK
from .quantize import DEQUANTIZE, QUANTIZE
from .recurrent import CELL, NARROW, OVER_TIME, PRODUCTS, REMEMBER
from .resize import BILINEAR
from .softmax import SOFTMAX, SOFTMAX_FIXED
from .target import Target
from .wide.depthwise import WIDE_COLUMNS, WIDE_TAPS
from .wide.gemm import SPLIT, WIDE_GEMM

_PRODUCTS = (ANY, DENSE, FLAT, GEMM, PACK, ROW_SUMS, ROWS)
_INTEGER = (ADD, ADD_FIXED, BILINEAR, FLIP, LARGEST, LOOKUP, MUL, SOFTMAX, SOFTMAX_FIXED, SUM)
_PLAIN = (CHOOSE, EXTREME, NEGATE, PAIR, PLACE)
_MOVING = (COLLECT, COPY, FILL, MOVE, PAD, REPEAT)
_RECURRENT = (CELL, NARROW, OVER_TIME, PRODUCTS, REMEMBER)
_FLOAT = (
    BINARY_FAMILY,
    DEQUANTIZE,
    FLOAT_CELL,
    FLOAT_DENSE,
    FLOAT_GEMM,
    FLOAT_REPEAT,
    FLOAT_ROWS,
    FLOAT_SOFTMAX,
    FLOAT_TAPS,
    FLOAT_WINDOW,
    FLOAT_WINDOWS,
    MIX_PIXELS,
    MIX_ROWS,
    QUANTIZE,
    TURN,
    UNARY_FAMILY,
)
_DYNAMIC = (DYNAMIC_GEMM, DYNAMIC_QUANTIZE, SCALE)
_WIDE = (SPLIT, WIDE_COLUMNS, WIDE_GEMM, WIDE_TAPS)
_RUNNING = (HELP, LEAD, WALK)
_ALL = (*_PRODUCTS, *_INTEGER, *_PLAIN, *_MOVING, *_RECURRENT, *_FLOAT, *_DYNAMIC, *_WIDE, *_RUNNING)
FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}


def text(name: str, variant: Target) -> str:
    """The LLVM IR of the kernel `name`, whose parts after the family are its variant: `gemm_6_4_float_plain_full_int8`.

    KeyError for a family that doesn't exist.
    """
    family, *words = name.split("_")
    f = Function(symbol(name, variant), variant)
    FAMILIES[family].write(f, *(int(word) if word.isdigit() else word for word in words))
    return f.text()
