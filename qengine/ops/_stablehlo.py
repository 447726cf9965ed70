"""What the STABLEHLO operators on two inputs of one shape share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Specs, Step
from ..shapes import known
from ._elementwise import Elementwise, plain

T = TensorType
INTEGERS = (T.INT8, T.INT16, T.INT32, T.INT64, T.UINT8, T.UINT16, T.UINT32, T.UINT64)
FLOATS = (T.FLOAT16, T.FLOAT32, T.FLOAT64)


@dataclass(frozen=True, eq=False)
class StablehloBinary(Elementwise):
    """Base of operators that apply one function to two inputs of one shape. Integers wrap; no scale is applied."""

    inputs: ClassVar[int] = 2
    types: ClassVar[tuple[TensorType, ...]] = (*FLOATS, *INTEGERS, T.BOOL)

    def shape(self, specs: Specs) -> Shape:
        first, second = known(specs.input(0)), known(specs.input(1))
        if first != second:
            raise ModelError(f"expected shape {first}, got {second}", "inputs[1]")
        return first

    def apply(self, specs: Specs, profile: Profile, function: Callable[[AnyArray, AnyArray], AnyArray]) -> Step:
        """The step of one function of both inputs."""
        self.check_type(specs, profile)
        return plain(self.name.lower(), function, specs.output())
