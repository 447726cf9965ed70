"""CAST."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ..errors import Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.bfloat16 import from_bfloat16, to_bfloat16
from ..kernels.profile import Profile
from ..kernels.reference.cast import cast, cast_narrow
from ..model import TensorType
from ..op import Graphs, Rule, Spec, Specs, Step, Unquantized, Versions
from ..packing import integer_range
from ._elementwise import Elementwise

T = TensorType
_WHOLE = (T.INT64, T.INT32, T.UINT32, T.INT16, T.UINT16, T.UINT8, T.INT8, T.BOOL)
_REAL = (T.FLOAT16, T.BFLOAT16, T.FLOAT32, T.FLOAT64, T.COMPLEX64)
_NARROW = (T.INT4, T.UINT4, T.INT2)


@dataclass(frozen=True, eq=False)
class Cast(Elementwise):
    """Numbers as another type. The types are the tensors'; the options only repeat them. No scale is applied."""

    code: ClassVar[int] = 53
    known_versions: ClassVar[Versions] = Versions(9)
    rule: ClassVar[Rule] = Unquantized()
    types: ClassVar = (*_WHOLE, *_REAL, *_NARROW)

    in_data_type: TensorType = TensorType.FLOAT32
    out_data_type: TensorType = TensorType.FLOAT32

    def check_output(self, x: Spec, output: Spec) -> None:
        sound = output.type in (*_WHOLE, *_REAL) if x.type not in _NARROW else output.type is T.FLOAT32
        if not sound and not (output.type in _NARROW and x.type is T.FLOAT32):
            raise Unsupported(f"CAST of {x.type.name} to {output.type.name}", "outputs[0]")

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        name = f"cast_{x.type.name.lower()}_{output.type.name.lower()}"
        dtype = output.type.dtype
        if output.type in _NARROW:
            low, high = integer_range(output.type)
            return Step(partial(cast_narrow, low=low, high=high, dtype=dtype), name)

        def run(values: AnyArray) -> AnyArray:
            real = from_bfloat16(values) if x.type is T.BFLOAT16 else values
            if output.type is T.BFLOAT16:
                return values if x.type is T.BFLOAT16 else to_bfloat16(cast(real, "float32"))
            return cast(real, dtype)

        return Step(run, name)

    def version(self, specs: Specs) -> int:
        types = (specs.input(0).type, specs.output().type)
        if T.INT2 in types or T.UINT4 in types:
            return 8
        if T.BFLOAT16 in types:
            return 7
        if T.INT4 in types:
            return 6
        if T.FLOAT64 in types or T.FLOAT16 in types:
            return 5
        if T.UINT16 in types:
            return 4
        if T.INT8 in types:
            return 3
        return 2 if T.UINT32 in types else 1
