"""One operator by itself, without a model around it: infer, delegated, plan, as the program asks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from qengine.kernels.profile import Profile
from qengine.model import Quantization, TensorType
from qengine.op import Dynamic, Op, Spec, Specs, Step


class NoGraphs:
    """The surroundings of an operator that asks for none."""

    def __init__(self) -> None:
        self.resources: dict[Any, Any] = {}

    def prepare(self, graph: int, inputs: Sequence[Spec]) -> Any:
        raise AssertionError(f"expected no question about graph {graph}")

    def rounds(self, condition: int, body: int, inputs: Sequence[Spec], sources: Sequence[int | None]) -> None:
        return None

    def custom(self, custom_code: str) -> None:
        return None


def given(shape: Sequence[int], type: TensorType = TensorType.FLOAT32, scale: Any = None, zero_point: Any = 0) -> Spec:
    """An operand computed elsewhere."""
    quantization = None if scale is None else Quantization.of(scale, zero_point)
    return Spec(tuple(shape), type, quantization, name="given")


def constant(values: Any, type: TensorType | None = None, scale: Any = None, zero_point: Any = 0) -> Spec:
    """An operand known beforehand."""
    array = np.asarray(values)
    found = type or next(t for t in TensorType if t.dtype == array.dtype)
    return replace(given(array.shape, found, scale, zero_point), value=array.astype(found.dtype))


def prepare(op: Op, inputs: Sequence[Spec | None], outputs: Sequence[Spec], profile: Profile) -> Step:
    """The Step of an operator, its outputs given their shapes."""
    specs = Specs(tuple(inputs), tuple(outputs))
    shapes = op.infer(specs, NoGraphs())
    found = [None] * len(outputs) if isinstance(shapes, Dynamic) else [tuple(shape) for shape in shapes]
    filled = tuple(replace(spec, shape=shape) for spec, shape in zip(outputs, found, strict=True))
    specs = replace(specs, outputs=filled)
    if profile is Profile.XNNPACK and not op.delegated(specs):
        profile = Profile.OPTIMIZED
    return op.prepare(specs, profile, NoGraphs())


def run(op: Op, inputs: Sequence[Spec | None], output: Spec, profile: Profile, *arrays: Any) -> Any:
    """What the operator with one output makes of arrays; constants among the inputs stand for themselves."""
    step = prepare(op, inputs, [output], profile)
    waiting = iter(arrays)
    values = [None if s is None else s.value if s.value is not None else next(waiting) for s in inputs]
    with np.errstate(all="ignore"):
        result = step.run(*values)
    assert result.dtype == output.type.dtype
    return result


def run_many(op: Op, inputs: Sequence[Spec | None], outputs: Sequence[Spec], *arrays: Any) -> tuple[Any, ...]:
    """What an operator with several outputs makes of arrays; constants among the inputs stand for themselves."""
    step = prepare(op, inputs, outputs, Profile.OPTIMIZED)
    waiting = iter(arrays)
    values = [None if s is None else s.value if s.value is not None else next(waiting) for s in inputs]
    with np.errstate(all="ignore"):
        results = step.run(*values)
    assert isinstance(results, tuple)
    assert [result.dtype for result in results] == [spec.type.dtype for spec in outputs]
    return results


def plain(op: Op, *inputs: Any, type: TensorType | None = None) -> Any:
    """What the operator makes of constants: arrays, lists (int32 or float32) and numbers, in the profile `optimized`.

    type: the output's, where it isn't the first input's.
    """
    specs = [constant(_narrow(part)) for part in inputs]
    return run(op, specs, given((), specs[0].type if type is None else type), Profile.OPTIMIZED)


def _narrow(part: Any) -> np.ndarray:
    array = np.asarray(part)
    if isinstance(part, np.ndarray | np.generic) or array.dtype == bool:
        return array
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
