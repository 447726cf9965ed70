"""Tidying a float model before it is quantized, as converters do: the same function of the same inputs, fewer nodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Blockwise, Buffer, External, Model, MultiAxis, Node, Tensor, TensorType
from ..op import Array, CustomOp, Spec, Specs
from ..program import Runtime, plan_node
from .draft import Draft, rewritten
from .fuse import fold_padding, fold_scaling, fuse_activations

LARGEST_GROWTH = 1 << 20
"""Bytes by which folding one node may make the model larger."""


def prepared(model: Model) -> tuple[Model, list[list[tuple[int, ...]]]]:
    """The model tidied, and for each node of each graph the numbers of the source's nodes that went into it.

    Constants computed, PAD taken into the convolution after it, batch normalization (MUL and ADD by constants) into the
    one before it, activations fused, nodes that nobody reads removed. Outputs are the same but for float rounding.
    """
    runtime = Runtime(model, Profile.REFERENCE, native=False)
    drafts = []
    for number, graph in enumerate(model.graphs):
        draft = Draft(graph)
        named = _named(model, number)
        fold_constants(draft, runtime)
        passes: tuple[Callable[[Draft, set[int]], bool], ...] = (fold_padding, fold_scaling, fuse_activations)
        while any([tidy(draft, named) for tidy in passes]):
            pass
        remove_dead(draft, named)
        drafts.append(draft)
    return rewritten(model, drafts)[0], [[placed.origin for placed in draft.nodes] for draft in drafts]


def _named(model: Model, number: int) -> set[int]:
    """Tensors that callers reach by name: the graph's ends and its signatures'."""
    graph = model.graphs[number]
    named = {*graph.inputs, *graph.outputs}
    for signature in model.signatures or ():
        if signature.graph == number:
            named |= {i for _, i in (*signature.inputs, *signature.outputs)}
    return named


def fold_constants(draft: Draft, runtime: Runtime) -> None:
    """Computes nodes whose inputs are all constants, unless that would make the model much larger."""
    kept = []
    for placed in draft.nodes:
        values = _folded(draft, placed.node, runtime)
        if values is None:
            kept.append(placed)
            continue
        for i, (value, type_) in zip(placed.node.outputs, values, strict=True):
            made = draft.tensors[draft.constant(value, type_, draft.tensors[i].name, draft.tensors[i].quantization)]
            draft.tensors[i] = made
    draft.nodes = kept


def _folded(draft: Draft, node: Node, runtime: Runtime) -> list[tuple[Array, TensorType]] | None:
    tensors = [draft.tensors[i] for i in node.inputs if i >= 0]
    ends = {*draft.inputs, *draft.outputs}
    if not tensors or any(i in ends for i in node.outputs):
        return None
    if not all(tensor.is_constant and not isinstance(tensor.data, External) for tensor in tensors):
        return None
    if any(isinstance(_details(draft, i), Blockwise | MultiAxis) for i in node.inputs if i >= 0):
        return None
    specs = Specs(
        tuple(None if i < 0 else _spec(draft, i) for i in node.inputs),
        tuple(_spec(draft, i) for i in node.outputs),
    )
    try:
        step, outputs = plan_node(node.op, specs, Profile.REFERENCE, runtime)
        if not step.folds:
            return None
        with np.errstate(all="ignore"):
            result = step.run(*(None if spec is None else spec.value for spec in specs.inputs))
    except (ModelError, NotImplementedError):
        return None
    values = result if isinstance(result, tuple) else (result,)
    grown = sum(value.nbytes for value in values) - sum(_bytes(tensor) for tensor in tensors)
    small = grown <= LARGEST_GROWTH or node.op.name == "DEQUANTIZE"
    return [(np.asarray(v), o.type) for v, o in zip(values, outputs, strict=True)] if small else None


def _bytes(tensor: Tensor) -> int:
    return len(tensor.data) if isinstance(tensor.data, Buffer) else 0


def _details(draft: Draft, index: int) -> object:
    quantization = draft.tensors[index].quantization
    return None if quantization is None else quantization.details


def _spec(draft: Draft, index: int) -> Spec:
    tensor = draft.tensors[index]
    value = tensor.array if tensor.is_constant else None
    return Spec(tensor.shape or (), tensor.type, tensor.quantization, value, tensor.is_variable, tensor.name)


def remove_dead(draft: Draft, named: set[int]) -> None:
    """Drops nodes whose results nobody reads, and that change nothing else."""
    alive = {*draft.outputs, *named}
    kept = []
    for placed in reversed(draft.nodes):
        if _acts(draft, placed.node) or any(i in alive for i in placed.node.outputs):
            alive |= {i for i in placed.node.inputs if i >= 0}
            kept.append(placed)
    draft.nodes = kept[::-1]


def _acts(draft: Draft, node: Node) -> bool:
    """Whether a node may do more than compute its outputs: state, resources, other graphs, unknown operators."""
    touched = [draft.tensors[i] for i in (*node.inputs, *node.outputs) if i >= 0]
    return (
        not node.outputs
        or isinstance(node.op, CustomOp)
        or node.op.name in ("CALL", "CALL_ONCE", "IF", "WHILE")
        or any(tensor.is_variable or tensor.type in (TensorType.RESOURCE, TensorType.VARIANT) for tensor in touched)
    )
