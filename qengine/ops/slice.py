"""SLICE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..delegate import takes_activation
from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import known, of_rank
from ._moving import moving
from ._operands import DELEGATED, INDICES, arity, delegate_scales, integers, of_type, oldest, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class Slice(Op):
    """x, begin (rank), size (rank; -1: all that is left) -> `size` elements of each dimension from `begin` on."""

    code: ClassVar[int] = 65
    known_versions: ClassVar[Versions] = Versions(8)
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 3)
        x, begin, size = specs.input(0), specs.input(1), specs.input(2)
        same_type(specs.output(), x, "outputs[0]")
        of_type(begin, INDICES, "inputs[1]")
        of_type(size, (begin.type,), "inputs[2]")
        for i, spec in ((1, begin), (2, size)):
            if of_rank(spec, 1, f"inputs[{i}]") != (len(known(x)),):
                raise ModelError(f"expected {len(known(x))} numbers, got {known(spec)[0]}", f"inputs[{i}]")
        if size.value is None:
            return DYNAMIC
        if begin.value is None:
            return [integers(size.value)] if (size.value >= 0).all() else DYNAMIC
        return [tuple(part.stop - part.start for part in parts(known(x), begin.value, size.value))]

    def delegated(self, specs: Specs) -> bool:
        x, begin, size = specs.input(0), specs.input(1), specs.input(2)
        return (
            begin.stored
            and size.stored
            and size.value is not None
            and bool((size.value > 0).all())
            and takes_activation(x, *DELEGATED)
            and takes_activation(specs.output(), *DELEGATED)
        )

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        if profile is Profile.XNNPACK:
            delegate_scales(specs, 0)

        def place(shape: Shape, begin: Array, size: Array) -> Any:
            return (*parts(shape, begin, size), ...)

        x, begin, size = specs.input(0), specs.input(1).value, specs.input(2).value
        if begin is not None and size is not None:
            where = place(known(x), begin, size)
            return moving(Step(lambda x, *_: x[where]), specs)
        return moving(Step(lambda x, begin, size: x[place(x.shape, begin, size)]), specs)

    def version(self, specs: Specs) -> int:
        x = specs.input(0)
        late = {T.FLOAT16: 8, T.INT4: 7, T.UINT32: 6}
        if x.type in late:
            return late[x.type]
        if x.shape is not None and len(x.shape) > 4:
            return 5
        return oldest(x, {T.INT16: 4, T.STRING: 3, T.INT8: 2})


def parts(shape: Shape, begin: Array, size: Array) -> list[slice]:
    """What is taken of each dimension. ModelError where that reaches beyond it."""
    found = []
    for length, start, count in zip(shape, integers(begin), integers(size), strict=True):
        stop = length if count == -1 else start + count
        if not 0 <= start <= stop <= length or count < -1:
            raise ModelError(f"expected a part of {length} elements, got {count} from {start}", "inputs[1]")
        found.append(slice(start, stop))
    return found
