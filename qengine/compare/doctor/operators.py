"""Rules about which operators run, and in which numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...errors import ModelError, Unsupported
from ...kernels.profile import Profile
from ...model import Quantization
from ...op import Fixed, Spec, Specs
from ...program import Runtime, plan_node
from ...summary import NodeAlone
from .finding import Finding, Severity
from .opened import CONVERSIONS, NARROW, Opened, T, computed, is_quantized

FLOATS = (T.FLOAT32, T.FLOAT16)
_PROBE = Quantization.of(2.0**-12)


def refused(opened: Opened) -> Iterator[Finding]:
    """Nodes that the runtime's Prepare refuses, with its default kernels or without its delegate."""
    already = set()
    for profile, kernels in ((Profile.XNNPACK, "the default kernels"), (Profile.OPTIMIZED, "the kernels beneath")):
        for alone in opened.prepared(profile):
            key = (alone.graph, alone.index)
            if alone.error is None or key in already or _has_no_16x8(alone):
                continue
            already.add(key)
            if isinstance(alone.error, Unsupported):
                reason, severity = f"qengine can't run it: {alone.error.message}", Severity.WARNING
                remedy = "see whether the runtime that you mean has a kernel for it; else replace the operator"
            else:
                reason, severity = f"{kernels} refuse it: {alone.error.message}", Severity.ERROR
                remedy = "change the node as the reason says"
            yield opened.finding(alone, severity, reason, remedy, alone.error.where.removeprefix(f"{alone.place}."))


def without_value(opened: Opened) -> Iterator[Finding]:
    """Nodes that read what nobody gave: no constant, no input of the graph, nothing that a node before it computes."""
    given: dict[int, set[int]] = {}
    for alone in opened.nodes:
        graph = opened.graph(alone)
        known = given.setdefault(alone.graph, set(graph.inputs))
        for position, i in enumerate(alone.node.inputs):
            tensor = graph.tensors[i]
            if i < 0 or i in known or tensor.data is not None or tensor.is_variable or 0 in (tensor.shape or ()):
                continue
            reason = f"nothing before it computes its input {tensor.name!r}, and it is no constant"
            remedy = "give the tensor its values, or put the node that computes it first"
            yield opened.finding(alone, Severity.ERROR, reason, remedy, f"inputs[{position}]")
            break
        known.update(alone.node.outputs)


def float_left(opened: Opened) -> Iterator[Finding]:
    """Nodes that compute in float in a file whose other nodes compute in integers."""
    if not opened.is_integer:
        return
    for alone in opened.nodes:
        if alone.node.op.name in CONVERSIONS or _is_hybrid(alone):
            continue
        fed = [spec for spec in alone.specs.inputs if spec is not None and not spec.stored]
        if any(spec.type in FLOATS for spec in fed):
            sixteen = any(spec.type is T.INT16 for node in opened.integer_nodes for spec in computed(node))
            why = ", and no kernel for 16-bit activations exists" if sixteen and _refuses_int16(opened, alone) else ""
            reason = f"it computes in {next(spec.type.name for spec in fed if spec.type in FLOATS)}{why}"
            remedy = "replace it by operators with integer kernels, or accept the conversions around it"
            yield opened.finding(alone, Severity.WARNING, reason, remedy)


def no_16x8_kernel(opened: Opened) -> Iterator[Finding]:
    """Nodes on 16-bit activations for which there is no kernel; and float ones beside such, for the same reason."""
    for alone in opened.nodes:
        if alone.error is not None and _has_no_16x8(alone):
            reason = f"no kernel of {alone.node.op.name} takes 16-bit activations ({alone.error.message})"
            remedy = "keep this node in float, or quantize the network to 8-bit activations"
            yield opened.finding(alone, Severity.ERROR, reason, remedy)


def hybrid(opened: Opened) -> Iterator[Finding]:
    """Float activations times integer weights inside one operator: microcontrollers have no kernels for that."""
    for alone in opened.nodes:
        if _is_hybrid(alone):
            narrow = next(spec for spec in alone.specs.inputs if spec is not None and _is_narrow(spec))
            reason = f"float activations meet {narrow.type.name} weights {narrow.name!r}: quantized anew in every call"
            remedy = "for microcontrollers quantize activations, too (static_wi8_ai8); elsewhere it runs"
            severity = Severity.WARNING if opened.target in ("micro", "edgetpu") else Severity.NOTE
            yield opened.finding(alone, severity, reason, remedy)


def _is_hybrid(alone: NodeAlone) -> bool:
    if alone.node.op.name in CONVERSIONS:
        return False
    return any(spec.type is T.FLOAT32 for spec in computed(alone)) and any(
        spec is not None and _is_narrow(spec) for spec in alone.specs.inputs
    )


def _is_narrow(spec: Spec) -> bool:
    return spec.type in NARROW and spec.stored and is_quantized(spec)


def _has_no_16x8(alone: NodeAlone) -> bool:
    """Whether a node is refused because no kernel takes its 16-bit activations."""
    data = [spec for spec in computed(alone) if spec.type is T.INT16 and is_quantized(spec)]
    return isinstance(alone.error, Unsupported) and bool(data)


def _refuses_int16(opened: Opened, alone: NodeAlone) -> bool:
    """Whether the node has no kernel for the same operands with 16 bits."""
    if alone.error is not None:
        return False

    def narrowed(spec: Spec | None) -> Spec | None:
        if spec is None or spec.type not in FLOATS or spec.stored:
            return spec
        return replace(spec, type=T.INT16, quantization=_PROBE)

    def output(spec: Spec) -> Spec:
        found, rule = narrowed(spec), alone.node.op.rule
        assert found is not None
        if isinstance(rule, Fixed) and T.INT16 in rule.parameters and found.type is T.INT16:
            return replace(found, quantization=Quantization.of(*rule.parameters[T.INT16]))
        return found

    weights = [w.input for w in alone.node.op.weights]
    if any(
        spec is not None and spec.stored and spec.type in FLOATS
        for i, spec in enumerate(alone.specs.inputs)
        if i in weights
    ):
        return False  # weights would change their type with the activations: the node's own operands don't tell
    specs = Specs(tuple(map(narrowed, alone.specs.inputs)), tuple(map(output, alone.specs.outputs)))
    try:
        plan_node(alone.node.op, specs, Profile.XNNPACK, Runtime(opened.model, Profile.XNNPACK, native=False))
    except Unsupported:
        return True
    except ModelError:
        return False
    return False
