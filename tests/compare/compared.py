"""Small networks to compare, and runners that plant faults in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qengine.build import Builder
from qengine.compare.recording import Feed, Recording, computed
from qengine.compare.runners import Engine, prepared
from qengine.kernels.profile import Profile
from qengine.model import Buffer, Model
from qengine.op import Array
from qengine.ops.add import Add
from qengine.ops.average_pool_2d import AveragePool2D
from qengine.ops.conv_2d import Conv2D
from qengine.ops.depthwise_conv_2d import DepthwiseConv2D
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.logistic import Logistic
from qengine.ops.mean import Mean
from qengine.ops.reshape import Reshape


def image_network(type: str = "int8", seed: int = 0) -> Model:
    """Convolutions, a residual sum, pools, a dense layer, a sigmoid: 8 nodes over images (1, 8, 8, 3)."""
    rng = np.random.default_rng(seed)
    b = Builder()
    floats = type == "float32"

    def steps(scale: float, zero_point: int) -> dict[str, Any]:
        return {} if floats else {"scale": scale, "zero_point": zero_point}

    def weights(shape: tuple[int, ...], axis: int = 0) -> Any:
        real = rng.normal(0, 0.3, shape).astype(np.float32)
        return real if floats else b.weights(real, axis=axis)

    x = b.input("x", (1, 8, 8, 3), type, **steps(0.02, 4))
    y = b.add(
        Conv2D(stride_w=1, stride_h=1), [x, weights((16, 3, 3, 3)), real(rng, 16)], name="conv", **steps(0.04, -6)
    )
    op = DepthwiseConv2D(stride_w=1, stride_h=1, depth_multiplier=1)
    z = b.add(op, [y, weights((1, 3, 3, 16), 3), real(rng, 16)], name="depthwise", **steps(0.05, 3))
    y = b.add(Add(), [y, z], name="sum", **steps(0.06, 1))
    y = b.add(AveragePool2D(stride_w=2, stride_h=2, filter_width=2, filter_height=2), [y], name="pool")
    y = b.add(Mean(keep_dims=False), [y, [1, 2]], name="mean", **steps(0.03, -2))
    y = b.add(Reshape(), [y, [1, 16]], name="flat")
    y = b.add(FullyConnected(), [y, weights((5, 16)), real(rng, 5)], name="dense", **steps(0.05, 9))
    return b.model([b.add(Logistic(), [y], name="answer")])


def real(rng: np.random.Generator, count: int) -> Array:
    return rng.normal(0, 0.1, count).astype(np.float32)


def with_changed_weight(model: Model, node: int, by: int = 40) -> Model:
    """The model with one number of a node's weights changed."""
    graph = model.graphs[0]
    found = graph.nodes[node]
    (weights,) = found.op.weights
    index = found.inputs[weights.input]
    values = graph.tensors[index].array.copy()
    flat = values.reshape(-1)
    flat[flat.size // 2] = flat[flat.size // 2] + by if flat[flat.size // 2] < 80 else flat[flat.size // 2] - by
    changed = replace(graph.tensors[index], data=Buffer(values.tobytes()))
    tensors = tuple(changed if i == index else tensor for i, tensor in enumerate(graph.tensors))
    return replace(model, graphs=(replace(graph, tensors=tensors), *model.graphs[1:]))


@dataclass(frozen=True)
class Faulty:
    """qengine in one profile; what one node computes is spoilt, and goes on so, node by node."""

    node: int
    profile: Profile = Profile.XNNPACK
    spoil: Callable[[Array], Array] | None = None
    tolerance: int = 0
    engine: Engine | None = None

    @property
    def name(self) -> str:
        return f"faulty:{self.node}"

    @property
    def profiles(self) -> tuple[Profile, ...]:
        return (self.profile,)

    def record(self, model: Model, feed: Feed) -> Recording:
        engine = Engine(self.profile) if self.engine is None else self.engine
        program = prepared(engine._programs, model, self.profile, feed, native=False)
        program.reset_variables()
        values = {i: value for i, value in enumerate(program.values) if value is not None}
        values |= engine.record(model, feed)
        changed: set[int] = set()
        for number, node in enumerate(program.graph.nodes):
            if number == self.node:
                outputs = tuple((self.spoil or one_off)(np.array(values[i], order="C")) for i in node.outputs)
            elif changed.isdisjoint(node.inputs):
                continue
            else:
                outputs = program.evaluate(number, [None if i < 0 else values[i] for i in node.inputs])
            new = dict(zip(node.outputs, outputs, strict=True))
            changed |= {i for i, array in new.items() if not np.array_equal(array, values[i])}
            values |= new
        return {i: values[i] for i in (*program.graph.inputs, *computed(program.graph))}


def one_off(values: Array) -> Array:
    """One element another: an integer by one step, a float by a hundredth of the largest, a flag turned.

    Towards zero where it can be: positions stay inside their tables.
    """
    flat = values.reshape(-1)
    at = flat.size // 2
    if flat.size == 0 or values.dtype.hasobject:
        return values
    if values.dtype.kind == "f":
        step = 0.01 * max(float(np.abs(np.nan_to_num(flat)).max()), 1.0)
        flat[at] += -step if flat[at] > step else step
    elif values.dtype.kind == "b":
        flat[at] = not flat[at]
    else:
        flat[at] = flat[at] - 1 if flat[at] > 0 else flat[at] + 1
    return values
