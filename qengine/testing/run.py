"""Running calls through an interpreter, whoever's: all have the same methods."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..model import Model
from ..op import Array
from ..tflite import to_bytes
from .calls import Call


def blob_of(model: Any) -> bytes:
    """The file's bytes of a Model, a path, bytes, or anything with a `.model` (what `quantize` gives)."""
    if isinstance(model, bytes | bytearray | memoryview):
        return bytes(model)
    if isinstance(model, str | os.PathLike):
        return Path(model).read_bytes()
    return to_bytes(model if isinstance(model, Model) else model.model)


def run_calls(interpreter: Any, calls: Sequence[Call]) -> tuple[tuple[Array, ...], ...]:
    """The outputs of each call, all in one interpreter: variables keep what earlier calls left in them.

    RuntimeError or ValueError where the interpreter refuses the model or a call.
    """
    interpreter.allocate_tensors()
    results = []
    for call in calls:
        details = interpreter.get_input_details()
        changed = False
        for detail, array in zip(details, call, strict=True):
            if tuple(detail["shape"]) != array.shape:
                interpreter.resize_tensor_input(detail["index"], array.shape)
                changed = True
        if changed:
            interpreter.allocate_tensors()
        for detail, array in zip(details, call, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        outputs = (interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details())
        results.append(tuple(np.array(array) for array in outputs))
    return tuple(results)
