"""Kernels of custom operators, one a file, found by custom code: `TFLite_Detection_PostProcess` is the one class of
`ops/custom/tflite_detection_postprocess.py`.

Such a class is an Op like any other, but that its fields come out of the custom operator's bytes (`read`).
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache

from ...op import CustomKernel
from ._kernel import BuiltInCustom


@cache
def find(custom_code: str) -> CustomKernel | None:
    """How to read a custom operator with this code, or None where there is no kernel for it. Imports one file."""
    stem = custom_code.lower()
    if stem.startswith("_") or not stem.isidentifier() or importlib.util.find_spec(f"{__name__}.{stem}") is None:
        return None
    module = importlib.import_module(f"{__name__}.{stem}")
    for part in vars(module).values():
        if isinstance(part, type) and issubclass(part, BuiltInCustom) and part.__module__ == module.__name__:
            return part.read if part.custom_code == custom_code else None
    raise ImportError(f"expected a kernel in ops/custom/{stem}.py, got none")
