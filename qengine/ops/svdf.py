"""SVDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.emit.plan import Compiled, source
from ..kernels.emit.recurrent import plan_svdf
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.svdf import Points, svdf_dynamic, svdf_float32, svdf_integer
from ..kernels.requantizers import DoubleRounding
from ..model import Shape, TensorType
from ..op import Graphs, Op, Specs, Step, Versions, Weights
from ..options import ActivationFunctionType
from ..scales import scale_of, zero_point_of
from ..shapes import known, of_rank
from ._recurrent import activation, check_variable

T = TensorType
NONE = np.zeros(1, np.float32)
KINDS = {
    (T.FLOAT32, T.FLOAT32, T.FLOAT32, T.FLOAT32),
    (T.FLOAT32, T.INT8, T.INT8, T.FLOAT32),
    (T.FLOAT32, T.UINT8, T.UINT8, T.FLOAT32),  # old files call signed weights UINT8
    (T.INT8, T.INT8, T.INT16, T.INT16),
    (T.INT8, T.INT8, T.INT8, T.INT8),
}
"""Types of x, features, times and state."""


@dataclass(frozen=True, eq=False)
class Svdf(Op):
    """x (b i), features (f i), times (f m), bias (units) or none, state (b f*m, variable) -> (b units).

    f = units * rank; state keeps what the filters over features gave in the last m steps. Float, float by 8-bit
    weights, and int8 with int16 times and state. Where times and state are int8 the runtime corrupts its memory;
    TensorFlow Lite Micro runs such files, and so does this.
    """

    code: ClassVar[int] = 27
    known_versions: ClassVar[Versions] = Versions(4)
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=0), Weights(2, axis=0, bias=3))

    rank: int = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    asymmetric_quantize_inputs: bool = False

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        if len(specs.inputs) != 5:
            raise ModelError(f"expected 5 inputs, got {len(specs.inputs)}", "inputs")
        batch, width = of_rank(specs.input(0), 2, "inputs[0]")
        filters = of_rank(specs.input(1), 2, "inputs[1]")[0]
        if self.rank < 1 or filters % self.rank:
            raise ModelError(f"expected a rank that divides {filters} filters, got {self.rank}", "builtin_options")
        memory = of_rank(specs.input(2), 2, "inputs[2]")[1]
        units = filters // self.rank
        expected: list[tuple[int, Shape]] = [
            (1, (filters, width)),
            (2, (filters, memory)),
            (4, (batch, memory * filters)),
        ]
        if specs.optional(3) is not None:
            expected.append((3, (units,)))
        for index, shape in expected:
            if known(specs.input(index)) != shape:
                raise ModelError(
                    f"expected shape {list(shape)}, got {list(known(specs.input(index)))}", f"inputs[{index}]"
                )
        if memory < 1:
            raise ModelError("expected a memory of 1 step or more, got 0", "inputs[2]")
        return [(batch, units)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        check_variable(specs.input(4), "inputs[4]")
        kinds = tuple(specs.input(i).type for i in (0, 1, 2, 4))
        if kinds not in KINDS or specs.output().type is not kinds[0]:
            names = ", ".join(kind.name for kind in (*kinds, specs.output().type))
            raise Unsupported(f"x, features, times, state and output of types {names}", "inputs")
        bias = specs.optional(3)
        if bias is not None and bias.type is not (T.INT32 if kinds[0] is T.INT8 else T.FLOAT32):
            raise ModelError(f"expected a bias of type INT32 or FLOAT32 as x is, got {bias.type.name}", "inputs[3]")
        if kinds[0] is T.INT8:
            return self._plan_integer(specs)
        return self._plan_float() if kinds[1] is T.FLOAT32 else self._plan_dynamic(specs)

    def _plan_float(self) -> Step:
        rank, function = self.rank, activation(self.fused_activation_function)

        def run(x: AnyArray, features: AnyArray, times: AnyArray, bias: AnyArray | None, state: AnyArray) -> AnyArray:
            memory = state.reshape(x.shape[0], *times.shape)
            return function(svdf_float32(x, features, times, NONE if bias is None else bias, memory, rank))

        return Step(run, "svdf_float32", folds=False)

    def _plan_dynamic(self, specs: Specs) -> Step:
        rank, function = self.rank, activation(self.fused_activation_function)
        scale, of_times = scale_of(specs.input(1), "inputs[1]"), scale_of(specs.input(2), "inputs[2]")
        asymmetric = self.asymmetric_quantize_inputs

        def run(x: AnyArray, features: AnyArray, times: AnyArray, bias: AnyArray | None, state: AnyArray) -> AnyArray:
            memory = state.reshape(x.shape[0], *times.shape)
            real = times.view(np.int8).astype(np.float32) * of_times
            added = NONE if bias is None else bias
            signed = features.view(np.int8)
            return function(svdf_dynamic(x, signed, scale, real, added, memory, rank, asymmetric=asymmetric))

        return Step(run, "svdf_dynamic", folds=False)

    def _plan_integer(self, specs: Specs) -> Step:
        if self.fused_activation_function is not ActivationFunctionType.RELU:
            raise ModelError(f"expected RELU, got {self.fused_activation_function.name}", "builtin_options")
        named = [(specs.input(i), f"inputs[{i}]") for i in (0, 1, 2, 4)] + [(specs.output(), "outputs[0]")]
        s_x, s_features, s_times, s_state, s_output = (scale_of(*pair) for pair in named)
        points = Points(*(zero_point_of(*named[i]) for i in (0, 3, 4)))
        to_state = DoubleRounding.from_real(np.asarray(s_x * s_features / s_state, np.float64))
        to_output = DoubleRounding.from_real(np.asarray(s_state * s_times / s_output, np.float64))
        if specs.input(4).type is T.INT16:
            points = points._replace(state=0)
        rank = self.rank

        def run(x: AnyArray, features: AnyArray, times: AnyArray, bias: AnyArray | None, state: AnyArray) -> AnyArray:
            memory = state.reshape(x.shape[0], *times.shape)
            added = 0 if bias is None else bias.astype(np.int64)
            return svdf_integer(x, features, times, added, memory, rank, points, to_state, to_output).astype(np.int8)

        def compiled(target: Target) -> Compiled | str:
            features, times, bias = specs.input(1).value, specs.input(2).value, specs.optional(3)
            if features is None or times is None or (bias is not None and bias.value is None):
                return "native kernels need constant weights and bias"
            batch, offsets = known(specs.input(0))[0], None if bias is None else bias.value
            zero_points = points.input, points.state, points.output
            return plan_svdf(
                target, batch, features, times, offsets, rank, zero_points, to_state, to_output, state=source(4)
            )

        return Step(run, "svdf_int8", compiled=compiled, stateful=True, folds=False)

    def version(self, specs: Specs) -> int:
        if specs.input(0).type is T.INT8:
            return 3
        if specs.input(1).type is T.FLOAT32:
            return 1
        return 4 if self.asymmetric_quantize_inputs else 2
