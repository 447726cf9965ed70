"""Rules about scales and zero points."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...model import Quantization
from ...op import Fixed, LikeInput, LikeOutput, Spec
from ...packing import integer_range
from ...summary import NodeAlone
from .finding import Finding, Severity
from .opened import Opened, T, data_input, is_activation, is_quantized, keeps_numbers, operands, scales_of

SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
BIAS_TOLERANCE = 1e-3
"""How far a bias' scale may be from input scale * weight scale, as a part of it, before sums change by it."""


def bad_scales(opened: Opened) -> Iterator[Finding]:
    """Scales that are 0, negative, infinite or NaN: nothing can be computed with them."""
    for alone, spec, where, scale in _every_scale(opened):
        wrong = scale[~(np.isfinite(scale) & (scale > 0))]
        if wrong.size:
            reason = f"{_title(spec)} has {_count(wrong, scale)} of {wrong[0]:g}"
            remedy = (
                "quantize again: a scale is a positive finite number; a range of nothing but 0 needs one all the same"
            )
            yield opened.finding(alone, Severity.ERROR, reason, remedy, where)


def denormal_scales(opened: Opened) -> Iterator[Finding]:
    """Positive scales below the smallest normal float32, which kernels that flush subnormals take for 0."""
    for alone, spec, where, scale in _every_scale(opened):
        wrong = scale[(scale > 0) & (scale < SMALLEST_NORMAL)]
        if wrong.size:
            reason = f"{_title(spec)} has {_count(wrong, scale)} of {wrong[0]:g}, below {SMALLEST_NORMAL:g}"
            remedy = "widen the range that was calibrated, or leave a tensor of nothing but 0 out of the network"
            yield opened.finding(alone, Severity.WARNING, reason, remedy, where)


def scale_counts(opened: Opened) -> Iterator[Finding]:
    """As many scales as channels along the quantized dimension, and a zero point for each scale."""
    for alone, spec, where, scale in _every_scale(opened):
        q = spec.quantization
        assert q is not None
        points = 0 if q.zero_point is None else len(q.zero_point)
        if points not in (1, len(scale)):
            reason = f"{_title(spec)} has {len(scale)} scales and {points} zero points"
            yield opened.finding(alone, Severity.ERROR, reason, "write one zero point for every scale", where)
        channels = 1 if not spec.shape or not 0 <= q.axis < len(spec.shape) else spec.shape[q.axis]
        if q.details is None and len(scale) > 1 and len(scale) != channels:
            reason = f"{_title(spec)} has {len(scale)} scales for {channels} channels along dimension {q.axis}"
            remedy = "give quantized_dimension the dimension of the channels, and one scale to each of them"
            yield opened.finding(alone, Severity.ERROR, reason, remedy, where)


def zero_points(opened: Opened) -> Iterator[Finding]:
    """Zero points that are numbers of the type; 0 for 16-bit activations and for signed weights."""
    for alone, spec, where, _ in _every_scale(opened):
        q = spec.quantization
        assert q is not None
        points = np.zeros(0, np.int64) if q.zero_point is None else q.zero_point
        if spec.type not in (T.INT8, T.UINT8, T.INT16, T.INT4):
            continue
        low, high = integer_range(spec.type)
        beyond = points[(points < low) | (points > high)]
        op = alone.node.op
        # BATCH_MATMUL's kernels take a zero point on both sides.
        weights = [f"inputs[{w.input}]" for w in op.weights if op.name != "BATCH_MATMUL"]
        signed_weights = where in weights and spec.stored and spec.type is not T.UINT8
        if beyond.size:
            reason = f"{_title(spec)} has a zero point of {beyond[0]}, outside of {low} to {high}"
            yield opened.finding(alone, Severity.ERROR, reason, "extend the range to contain 0, then quantize", where)
        elif (spec.type is T.INT16 or signed_weights) and points.any():
            kind = "16-bit activations" if spec.type is T.INT16 else "signed weights"
            reason = f"{_title(spec)} has a zero point of {points[points != 0][0]}"
            remedy = f"quantize {kind} symmetrically, zero point 0"
            yield opened.finding(alone, Severity.WARNING, reason, remedy, where)


def unequal_scales(opened: Opened) -> Iterator[Finding]:
    """Operators that pass numbers on as they are, and outputs whose quantization is prescribed."""
    for alone in opened.integer_nodes:
        rule, specs = alone.node.op.rule, alone.specs
        if not keeps_numbers(alone.node.op):
            continue
        if isinstance(rule, LikeInput) and rule.inputs[0] < len(specs.inputs):
            like = specs.inputs[rule.inputs[0]]
            others = [(specs.optional(i), f"inputs[{i}]") for i in rule.inputs[1:]]
            others += [(spec, f"outputs[{i}]") for i, spec in enumerate(specs.outputs)]
            yield from _unlike(opened, alone, like, others)
        elif isinstance(rule, LikeOutput) and specs.outputs and specs.outputs[0].type is not T.UINT8:
            parts = [(spec, f"inputs[{i}]") for i, spec in enumerate(specs.inputs)]
            yield from _unlike(opened, alone, specs.outputs[0], parts)
        elif isinstance(rule, Fixed):
            for i, spec in enumerate(specs.outputs):
                wanted = rule.parameters.get(spec.type)
                if wanted is not None and is_quantized(spec) and pair(spec.quantization) != _float32(wanted):
                    reason = (
                        f"{_title(spec)} has {_pair_text(pair(spec.quantization))}, prescribed is {_pair_text(wanted)}"
                    )
                    remedy = "give the output the quantization that the operator's specification prescribes"
                    yield opened.finding(alone, Severity.WARNING, reason, remedy, f"outputs[{i}]")


def _unlike(
    opened: Opened, alone: NodeAlone, like: Spec | None, others: list[tuple[Spec | None, str]]
) -> Iterator[Finding]:
    """Operands whose quantization isn't `like`'s, where both have one."""
    if like is None or not is_activation(like):
        return
    for spec, where in others:
        if spec is None or spec.type is not like.type or not is_activation(spec):
            continue
        if pair(spec.quantization) != pair(like.quantization):
            reason = (
                f"{_title(spec)} has {_pair_text(pair(spec.quantization))}, "
                f"{_title(like)} {_pair_text(pair(like.quantization))}; {alone.node.op.name} passes numbers on"
            )
            remedy = "give both the same scale and zero point, or put a QUANTIZE between them"
            yield opened.finding(alone, Severity.WARNING, reason, remedy, where)


def bias_scales(opened: Opened) -> Iterator[Finding]:
    """A bias is counted in units of input scale * weight scale: kernels add it to the sum as it is.

    A bias of nothing but 0 may have any scale. Recurrent operators, which have several weights, count otherwise.
    """
    for alone in opened.integer_nodes:
        for weights in alone.node.op.weights if len(alone.node.op.weights) == 1 else ():
            bias = None if weights.bias is None else alone.specs.optional(weights.bias)
            w = alone.specs.optional(weights.input)
            at = data_input(alone, weights.input)
            if bias is None or w is None or at is None or bias.type not in (T.INT32, T.INT64):
                continue
            if bias.value is not None and not bias.value.any():
                continue
            found, factors = scales_of(bias), (scales_of(alone.specs.input(at)), scales_of(w))
            if found is None or factors[0] is None or factors[1] is None or len(factors[0]) != 1:
                continue
            wanted = factors[0].astype(np.float64) * factors[1]
            if len(found) not in (1, len(wanted)) and len(wanted) != 1:
                continue
            off = np.abs(found / wanted - 1)
            if (off > BIAS_TOLERANCE).any():
                worst = int(np.argmax(off))
                pairs = np.broadcast_arrays(found, wanted)
                reason = (
                    f"{_title(bias)} has a scale of {pairs[0][worst]:.9g}, input scale * weight scale is "
                    f"{pairs[1][worst]:.9g} (channel {worst})"
                )
                remedy = "round the bias to that unit: bias / (input scale * weight scale)"
                yield opened.finding(alone, Severity.ERROR, reason, remedy, f"inputs[{weights.bias}]")


def _every_scale(
    opened: Opened,
) -> Iterator[tuple[NodeAlone, Spec, str, NDArray[np.float32]]]:
    """Every quantized tensor once, at the first node that has it."""
    seen = set()
    for alone in opened.nodes:
        indices = (*alone.node.inputs, *alone.node.outputs, *(alone.node.intermediates or ()))
        present = [i for i in indices if i >= 0]
        for (spec, where), tensor in zip(operands(alone), present, strict=True):
            key, q = (alone.graph, tensor), spec.quantization
            if key in seen or q is None or q.scale is None or not q.is_affine:
                continue
            seen.add(key)
            yield alone, spec, where, q.scale


def pair(q: Quantization | None) -> tuple[float, int] | None:
    """Scale and zero point of a tensor quantized as a whole."""
    if q is None or q.scale is None or len(q.scale) != 1:
        return None
    return float(q.scale[0]), 0 if q.zero_point is None or not len(q.zero_point) else int(q.zero_point[0])


def _float32(wanted: tuple[float, int]) -> tuple[float, int]:
    return float(np.float32(wanted[0])), wanted[1]


def _pair_text(found: tuple[float, int] | None) -> str:
    return "no single scale" if found is None else f"scale {found[0]:.9g} and zero point {found[1]}"


def _title(spec: Spec) -> str:
    return f"{spec.type.name} {spec.name!r}"


def _count(wrong: NDArray[np.float32], scale: NDArray[np.float32]) -> str:
    return "a scale" if len(scale) == 1 else f"{len(wrong)} of {len(scale)} scales, the first"
