"""Resizing images: a linear map of rows and one of columns, which the operator's own kernel shows on single pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...kernels.profile import Profile
from ...op import Array, Specs
from ...program import plan_node
from ..gradient import Call, Gradient, Gradients
from .movement import ALONE


def _matrix(call: Call, axis: int) -> Array:
    """(output length, input length) of one side: what a line becomes that is 1 at one place, for each place."""
    shape, size = [1, 1, 1, call.input(0).shape[axis]], [1, 1]
    shape[axis], size[axis - 1] = call.input(0).shape[axis], call.output.shape[axis]
    line = np.eye(shape[axis], dtype=np.float32).reshape(shape)
    sizes = np.array(size, np.int32)
    x, given, output = call.specs.input(0), call.specs.input(1), call.specs.output()
    specs = Specs((replace(x, shape=tuple(shape)), replace(given, value=sizes)), (output,))
    step, _ = plan_node(call.op, specs, Profile.REFERENCE, ALONE)
    result = step.run(line, sizes)
    return np.asarray(result).reshape(size[axis - 1], -1)


def resize_back(call: Call) -> Gradients:
    if "matrices" not in call.memory:
        call.memory["matrices"] = _matrix(call, 1), _matrix(call, 2)
    rows, columns = call.memory["matrices"]
    return [np.einsum("ha,wb,nhwc->nabc", rows, columns, call.gradient, optimize=True)]


RULES = {"RESIZE_BILINEAR": Gradient(resize_back), "RESIZE_NEAREST_NEIGHBOR": Gradient(resize_back)}
