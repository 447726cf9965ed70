"""Where every kernel family is: from a kernel's name to its LLVM IR.

A kernel that comes from the cache needs none of the modules named here.
"""

from __future__ import annotations

import importlib

from .language import Function
from .native import symbol
from .plan import Family
from .target import Target

FAMILIES: dict[str, str] = {
    "across": "resize",
    "add": "elementwise",
    "addfixed": "add_fixed",
    "bilinear": "resize",
    "cell": "recurrent",
    "choose": "numbers",
    "collect": "move",
    "copy": "fill",
    "dense": "dense",
    "depthany": "depthwise_any",
    "depthflat": "depthwise_flat",
    "depthrows": "depthwise_rows",
    "dequantize": "quantize",
    "down": "resize",
    "dyngemm": "dynamic.gemm",
    "dynquantize": "dynamic.quantize",
    "dynscale": "dynamic.depthwise",
    "extreme": "extremes",
    "fill": "fill",
    "flip": "flip",
    "floatbinary": "float32.elementwise",
    "floatcell": "float32.recurrent",
    "floatdense": "float32.dense",
    "floatgemm": "float32.gemm",
    "floatnines": "float32.nines",
    "floatpool": "float32.pool",
    "floatrepeat": "float32.depthwise",
    "floatrowsum": "float32.sums",
    "floatsoftmax": "float32.softmax",
    "floattapgradient": "float32.training",
    "floattaps": "float32.depthwise",
    "floatunary": "float32.elementwise",
    "floatwindow": "float32.depthwise",
    "gather": "gather",
    "gemm": "gemm",
    "help": "crew",
    "largest": "pool",
    "lead": "crew",
    "lookup": "lookup",
    "mixlines": "float32.resize",
    "mixpixels": "float32.resize",
    "move": "move",
    "mul": "elementwise",
    "narrow": "recurrent",
    "negate": "numbers",
    "overtime": "recurrent",
    "pack": "batch_matmul",
    "pad": "fill",
    "pair": "numbers",
    "place": "extremes",
    "products": "recurrent",
    "quantize": "quantize",
    "remember": "recurrent",
    "repeat": "fill",
    "rounds": "walker",
    "rowsums": "batch_matmul",
    "softmax": "softmax",
    "softmaxfixed": "softmax",
    "split": "wide.gemm",
    "sum": "pool",
    "turn": "float32.batch_matmul",
    "walk": "walker",
    "widecolumns": "wide.depthwise",
    "widegemm": "wide.gemm",
    "widepair": "wide.elementwise",
    "widesoftmax": "wide.softmax",
    "widetaps": "wide.depthwise",
    "widewindows": "wide.pool",
}
"""The module in which each family is the one of its name."""


def family(name: str) -> Family:
    """The family of this name; its module is imported when first asked for. KeyError for one that doesn't exist."""
    module = importlib.import_module(f".{FAMILIES[name]}", __package__)
    (found,) = (part for part in vars(module).values() if isinstance(part, Family) and part.name == name)
    return found


def text(name: str, variant: Target) -> str:
    """The LLVM IR of the kernel `name`, whose parts after the family are its variant: `gemm_6_4_float_plain_full_int8`.

    KeyError for a family that doesn't exist.
    """
    first, *words = name.split("_")
    f = Function(symbol(name, variant), variant)
    family(first).write(f, *(int(word) if word.isdigit() else word for word in words))
    return f.text()
