"""Whether an integer kernel computes what the float one does: some take the integers for the numbers themselves.

The runtime's NEG, FLOOR_DIV, FLOOR_MOD, SCATTER_ND and others accept int8 without reading scale or zero point. Nothing
in their checks says so; their results do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..affine import dequantize, parameters, quantize
from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Quantization, TensorType
from ..op import Array, Fixed, Graphs, LikeInput, LikeOutput, Op, Spec, Specs, Step
from ..program import plan_node
from .plan import Activation, Operand

LEAST = {TensorType.INT8: 30.0, TensorType.INT16: 60.0}
"""SQNR in dB of an integer kernel's output on even noise, by its type. What is below computes something else: right
kernels reach 38 and 78 at least, wrong ones 27."""

LARGEST = 1 << 22
"""Elements beyond which a node isn't rehearsed with its own shapes."""

Range = tuple[float, float]


def rehearsed(
    op: Op,
    integer_op: Op,
    plain: Specs,
    operands: Sequence[Operand],
    activation: TensorType,
    profile: Profile,
    context: Graphs,
) -> float | None:
    """SQNR in dB of the integer form on made-up numbers, against the float form; None where that can't be told.

    Not told: operators with a prescribed output, whose scale may be far too coarse for noise, with weights, without
    real outputs, with huge or unknown shapes, and where the numbers that were made up are refused.
    """
    computed = [s for s, o in zip(plain.inputs, operands, strict=True) if isinstance(o, Activation) and s is not None]
    real_outputs = [n for n, spec in enumerate(plain.outputs) if spec.type is TensorType.FLOAT32]
    if isinstance(op.rule, Fixed) or not computed or not real_outputs or op.weights:
        return None
    if any(spec.shape is None or spec.size == 0 or spec.size > LARGEST for spec in (*computed, *plain.outputs)):
        return None
    inputs = _numbers(plain)
    try:
        float_step, _ = plan_node(op, plain, profile, context)
        want = _run(float_step, inputs)
        if not all(np.isfinite(want[n]).all() and np.abs(want[n]).max() > 1e-3 for n in real_outputs):
            return None
        specs, given = _quantized(op, plain, operands, activation, inputs, want)
        step, _ = plan_node(integer_op, specs, profile, context)
        got = _run(step, given)
    except (ModelError, RuntimeError, ValueError, NotImplementedError):
        return None
    return min(_decibel(want[n], got[n], specs.outputs[n]) for n in real_outputs)


def _numbers(specs: Specs) -> list[Array | None]:
    """Values for every input: constants as they are, real numbers in [0.1, 1], zeros for integers, any flags."""
    rng = np.random.default_rng(0)

    def numbers(spec: Spec) -> Array:
        if spec.value is not None:
            return spec.value
        shape = spec.shape or ()
        if spec.type is TensorType.FLOAT32:
            return rng.uniform(0.1, 1.0, shape).astype(np.float32)
        if spec.type is TensorType.BOOL:
            return rng.integers(0, 2, shape).astype(np.bool_)
        return np.zeros(shape, spec.type.dtype)

    return [None if spec is None else numbers(spec) for spec in specs.inputs]


def _run(step: Step, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
    run: Callable[..., Any] = step.run
    with np.errstate(all="ignore"):
        result = run(*inputs)
    return result if isinstance(result, tuple) else (result,)


def _wide(values: Array) -> Range:
    """A range around the values that is nowhere even: its zero point is neither 0 nor at an end."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    span = max(high - low, 1e-3)
    return low - 0.3 * span, high + 0.1 * span


def _quantized(
    op: Op,
    plain: Specs,
    operands: Sequence[Operand],
    activation: TensorType,
    inputs: Sequence[Array | None],
    outputs: Sequence[Array],
) -> tuple[Specs, list[Array | None]]:
    """The node's specs on grids for these numbers, and the inputs on them."""
    real = [isinstance(operand, Activation) for operand in operands]
    ranges = [_wide(x) if is_real and x is not None else None for x, is_real in zip(inputs, real, strict=True)]
    results = [
        _wide(y) if spec.type is TensorType.FLOAT32 else None for y, spec in zip(outputs, plain.outputs, strict=True)
    ]
    if isinstance(op.rule, LikeInput | LikeOutput):
        known = [ends for ends in (*ranges, *results) if ends is not None]
        shared = (min(low for low, _ in known), max(high for _, high in known))
        ranges = [None if ends is None else shared for ends in ranges]
        results = [None if ends is None else shared for ends in results]
    specs, given = list(plain.inputs), list(inputs)
    for n, (spec, x, ends) in enumerate(zip(plain.inputs, inputs, ranges, strict=True)):
        if spec is None or x is None or ends is None:
            continue
        made = _spec(spec, activation, ends)
        given[n] = quantize(x, made.scale, made.zero_point, activation.dtype)
        specs[n] = replace(made, value=None if spec.value is None else given[n])
    ends_of = [
        spec if ends is None else _spec(spec, activation, ends)
        for spec, ends in zip(plain.outputs, results, strict=True)
    ]
    return replace(plain, inputs=tuple(specs), outputs=tuple(ends_of)), given


def _spec(spec: Spec, type_: TensorType, ends: Range) -> Spec:
    scale, point = parameters(*ends, bits=type_.bits, symmetric=type_ is TensorType.INT16)
    return replace(spec, type=type_, quantization=Quantization.of(scale, point))


def _decibel(want: Array, got: Array, spec: Spec) -> float:
    if want.shape != got.shape:
        return -np.inf
    difference = want.astype(np.float64) - dequantize(got, spec.scale, spec.zero_point)
    noise = float(np.sum(difference**2))
    signal = float(np.sum(np.square(want, dtype=np.float64)))
    return np.inf if noise == 0 else -np.inf if signal == 0 else 10 * float(np.log10(signal / noise))
