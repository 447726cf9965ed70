"""A network that was trained from nothing, as a model that files can hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..model import Model, Node, TensorType
from ..ops.add import Add
from ..ops.mul import Mul
from ..ptq.draft import Draft, Placed, floats, rewritten
from ..ptq.prepare import prepared
from .batch_normalization import BatchNormalization
from .dropout import Dropout


def for_export(model: Model, *, fold: bool = True) -> Model:
    """The model without operators of training: DROPOUT gone, BATCH_NORMALIZATION a MUL and an ADD by constants.

    fold: whether these go into the convolutions before them, and activations too (`ptq.prepare`).
    """
    drafts = []
    for graph in model.graphs:
        draft = Draft(graph)
        placed = []
        for each in draft.nodes:
            if isinstance(each.node.op, BatchNormalization):
                placed += _affine(draft, each.node, each.node.op)
            else:
                placed.append(each)
        draft.nodes = placed
        while (at := _first_dropout(draft)) is not None:
            dropped = draft.nodes.pop(at).node
            draft.reroute(dropped.outputs[0], dropped.inputs[0])
        drafts.append(draft)
    plain = rewritten(model, drafts)[0]
    return prepared(plain)[0] if fold else plain


def _first_dropout(draft: Draft) -> int | None:
    return next((at for at, placed in enumerate(draft.nodes) if isinstance(placed.node.op, Dropout)), None)


def _affine(draft: Draft, node: Node, op: BatchNormalization) -> list[Placed]:
    x, *operands = node.inputs
    gamma, beta, mean, variance = (floats(draft.tensors[i]).astype(np.float64) for i in operands)
    scale, offset = op.factors(gamma, beta, mean, variance)
    name = draft.tensors[node.outputs[0]].name
    factor, added = (
        draft.constant(values.astype(np.float32), TensorType.FLOAT32, f"{name}_{word}")
        for word, values in (("scale", scale), ("offset", offset))
    )
    between = draft.add(replace(draft.tensors[node.outputs[0]], name=f"{name}_scaled"))
    return [
        Placed(Node(Mul(), (x, factor), (between,))),
        Placed(Node(Add(), (between, added), node.outputs)),
    ]
