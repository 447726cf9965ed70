"""BATCH_MATMUL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..delegate import FLOATS, positive, takes_activation
from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.emit import float32
from ..kernels.emit.batch_matmul import Product, plan_batch_matmul
from ..kernels.emit.plan import Compiled, Eight
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.batch_matmul import multiply_dynamic, multiply_dynamic_mixed, multiply_integers
from ..kernels.reference.dynamic_range import quantize_asymmetric, quantize_symmetric, quantize_xnnpack
from ..kernels.requantizers import DoubleRounding, Float32, Requantizer, Wide
from ..model import Shape, TensorType
from ..op import Graphs, Op, Spec, Specs, Step, Versions, Weights
from ..scales import product_scale, scales_of, zero_point_of
from ..shapes import broadcast, known, volume
from ._native import rule_of

T = TensorType
KINDS = {
    (T.FLOAT32, T.FLOAT32): (T.FLOAT32,),
    (T.FLOAT32, T.INT8): (T.FLOAT32,),
    (T.INT8, T.INT8): (T.INT8, T.INT32),
    (T.INT16, T.INT16): (T.INT16,),
    (T.INT16, T.INT8): (T.INT16,),
}
"""Types of x and y, and those that their product may have."""


@dataclass(frozen=True, eq=False)
class BatchMatmul(Op):
    """x (..., m k) times y (..., k n) -> (..., m n), either given transposed; ranks 2 to 5, batches broadcast.

    int8 by int8 as INT32 are the products of the numbers as they are, without scale or zero point. Integers times
    weights with a scale for every column come out as the zero point: the runtime's kernel takes their scale for 0.
    """

    code: ClassVar[int] = 126
    known_versions: ClassVar[Versions] = Versions(4)
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=-1),)

    adj_x: bool = False
    adj_y: bool = False
    asymmetric_quantize_inputs: bool = False

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        shapes = [known(specs.input(i)) for i in (0, 1)]
        for i, shape in enumerate(shapes):
            if not 2 <= len(shape) <= 5:
                raise ModelError(f"expected 2 to 5 dimensions, got shape {list(shape)}", f"inputs[{i}]")
        rows, depth = _swapped(shapes[0], self.adj_x)[-2:]
        also_depth, columns = _swapped(shapes[1], self.adj_y)[-2:]
        if depth != also_depth:
            raise ModelError(f"expected sums of one length, got {depth} and {also_depth}", "inputs")
        return [(*broadcast(shapes[0][:-2], shapes[1][:-2]), rows, columns)]

    def delegated(self, specs: Specs) -> bool:
        x, y, output = specs.input(0), specs.input(1), specs.output()
        return (
            takes_activation(x, *FLOATS, T.INT8)
            and takes_activation(output, *FLOATS, T.INT8)
            and x.type is output.type
            and positive(x)
            and positive(y)
            and (y.type is x.type or (x.type is T.FLOAT32 and y.type is T.INT8))
            and (y.type in FLOATS or self._takes_weights(x, y))
        )

    def _takes_weights(self, x: Spec, y: Spec) -> bool:
        """int8 weights with zero point 0: of one scale, or for float activations of one for every column."""
        q, rank = y.quantization, len(known(y))
        if q is None or q.scale is None or q.zero_point is None or len(q.scale) == 0 or len(q.zero_point) == 0:
            return False
        if not (np.isfinite(q.scale).all() and (q.scale > 0).all()) or q.zero_point[0] != 0:
            return False
        if x.type is T.FLOAT32:
            return len(q.scale) == 1 or q.axis == rank - (2 if self.adj_y else 1)
        return len(q.scale) == 1

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        x, y, output = specs.input(0), specs.input(1), specs.output()
        if output.type not in KINDS.get((x.type, y.type), ()):
            names = ", ".join(spec.type.name for spec in (x, y, output))
            raise Unsupported(f"expected types among those of the runtime's kernels, got {names}", "inputs")
        macs = volume(known(output)) * _swapped(known(x), self.adj_x)[-1]
        if x.type is T.FLOAT32:
            return self._plan_float(specs, macs) if y.type is T.FLOAT32 else self._plan_dynamic(specs, profile, macs)
        if output.type is T.INT32:

            def run_plain(x: AnyArray, y: AnyArray) -> AnyArray:
                return multiply_integers(_turned(x, self.adj_x), 0, _turned(y, self.adj_y), 0, np.int32)

            return Step(run_plain, "batch_matmul_int8_int32", macs=macs)
        rounding: type[Requantizer] = Wide if x.type is T.INT16 else DoubleRounding
        return self._plan_integer(specs, Float32 if profile is Profile.XNNPACK else rounding, macs)

    def _plan_float(self, specs: Specs, macs: int) -> Step:
        shapes = known(specs.input(0)), known(specs.input(1))

        def run(x: AnyArray, y: AnyArray) -> AnyArray:
            return np.asarray(np.matmul(_turned(x, self.adj_x), _turned(y, self.adj_y)))

        def compiled(target: Target) -> Compiled:
            return float32.batch_matmul.plan_batch_matmul(target, *shapes, self.adj_x, self.adj_y)

        return Step(run, "batch_matmul_float32", macs=macs, compiled=compiled)

    def _plan_integer(self, specs: Specs, rounding: type[Requantizer], macs: int) -> Step:
        x, y, output = specs.input(0), specs.input(1), specs.output()
        columnwise = len(scales_of(y, "inputs[1]")) > 1
        named = ((x, "inputs[0]"), (y, "inputs[1]"), (output, "outputs[0]"))
        points = [0 if columnwise and spec is y else zero_point_of(spec, where) for spec, where in named]
        if x.type is T.INT16 and any(points):
            raise ModelError(f"expected zero points 0 with INT16, got {points}", "inputs")
        if columnwise:
            requantize: Requantizer = rounding.from_real(np.zeros((), np.float32))
        else:
            requantize = product_scale(rounding, x, y, output, single=True)
        limits, dtype = np.iinfo(output.type.dtype), output.type.dtype
        width = np.int64 if rounding is Wide else np.int32

        def run(x: AnyArray, y: AnyArray) -> AnyArray:
            sums = multiply_integers(_turned(x, self.adj_x), points[0], _turned(y, self.adj_y), points[1], width)
            return requantize(sums, points[2], int(limits.min), int(limits.max), dtype)

        def compiled(target: Target) -> Compiled | str:
            if x.type is T.INT16:
                return "no native kernel for these types"
            rule = rule_of(requantize, known(output)[-1], points[2])
            if isinstance(rule, str):
                return rule
            product = Product(known(x), known(y), self.adj_x, self.adj_y, y.value, points[1])
            return plan_batch_matmul(target, product, Eight(True, points[0]), Eight(True, points[2]), rule)

        return Step(run, f"batch_matmul_{x.type.name.lower()}", f"{rounding.__name__} rounding", macs, compiled)

    def _plan_dynamic(self, specs: Specs, profile: Profile, macs: int) -> Step:
        x, y = specs.input(0), specs.input(1)
        scales = scales_of(y, "inputs[1]")
        columns = _swapped(known(y), self.adj_y)[-1]
        if len(scales) not in (1, columns):
            raise ModelError(f"expected 1 scale or {columns}, got {len(scales)}", "inputs[1]")
        if profile is Profile.XNNPACK:
            if y.value is None:
                raise ModelError("expected constant weights, got some that are computed", "inputs[1]")

            def run(x: AnyArray, y: AnyArray) -> AnyArray:
                return multiply_dynamic(_turned(x, self.adj_x), _turned(y, self.adj_y), scales, quantize_xnnpack)

            return Step(run, "batch_matmul_dynamic", macs=macs)
        shape = known(specs.output())
        quantize = quantize_asymmetric if self.asymmetric_quantize_inputs else quantize_symmetric
        kernel = partial(multiply_dynamic_mixed, scales=scales, quantize=quantize, by_channel=len(scales) > 1)
        first_batches = _collapsed(known(x), known(y), self.adj_x)[1]
        if self.asymmetric_quantize_inputs and len(first_batches) == 5 and first_batches[0] > 1:
            raise Unsupported(
                "weights of 5 dimensions with asymmetric inputs: the runtime reads unset sums", "inputs[1]"
            )

        def run_mixed(x: AnyArray, y: AnyArray) -> AnyArray:
            x_shape, y_shape = _collapsed(x.shape, y.shape, self.adj_x)
            wide = _turned(x.reshape(x_shape), self.adj_x), _turned(y.reshape(y_shape), self.adj_y)
            return kernel(*(part.reshape(*[1] * (5 - part.ndim), *part.shape) for part in wide)).reshape(shape)

        return Step(run_mixed, "batch_matmul_dynamic", macs=macs)

    def version(self, specs: Specs) -> int:
        x, y = specs.input(0), specs.input(1)
        if self.asymmetric_quantize_inputs and x.type is T.FLOAT32 and y.type is T.INT8:
            return 4
        return {T.INT8: 2, T.INT16: 3}.get(x.type, 1)


def _swapped(shape: Shape, swap: bool) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2]) if swap else shape


def _turned(x: AnyArray, turn: bool) -> AnyArray:
    return np.swapaxes(x, -1, -2) if turn else x


def _collapsed(x: Shape, y: Shape, turned: bool) -> tuple[Shape, Shape]:
    """Shapes as the runtime's kernel sees them: where y has one matrix in its last batch, x's rows join."""
    if turned or len(x) < 3 or len(y) < 3 or y[-3] != 1:
        return x, y
    return (*x[:-3], x[-3] * x[-2], x[-1]), (*y[:-3], *y[-2:])
