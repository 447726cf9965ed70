"""Constants made narrow: weights as integers or float16, biases in the units of the sums that they are added to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..model import Blockwise, Graph, Node, Quantization, Tensor, TensorType
from ..op import Array, Op
from ..ops import find
from .correct import mean_of_outputs
from .draft import Draft, Placed, floats
from .plan import Activation, Bias, NodePlan, Weight
from .recipe import Recipe
from .weights import Quantized, quantize_bias, quantize_weights, rescaled, widened_scales


class Constants:
    """The narrowed constants of one graph: each is made once for each way in which it is kept.

    placed: where DEQUANTIZE nodes go. scales: of weights whose scales were learned, by tensor and how they are kept;
    the recipe's observer chooses all others. means: of activations' channels, by tensor, where they are known. at: the
    node being worked on. errors: by node, the signal and the noise (sums of squares) of its weights.
    """

    def __init__(
        self,
        number: int,
        graph: Graph,
        draft: Draft,
        placed: list[Placed],
        recipe: Recipe,
        parameters: Sequence[Quantization],
        scales: Mapping[tuple[int, Weight], NDArray[np.float64]],
        means: Mapping[int, Array],
    ) -> None:
        self.number, self.graph, self.draft, self.placed = number, graph, draft, placed
        self.recipe, self.parameters, self.scales, self.means = recipe, parameters, scales, means
        self.at = 0
        self.errors: dict[int, tuple[float, float]] = {}
        self._narrow: dict[tuple[int, Weight], Quantized] = {}
        self._kept: dict[tuple[int, Weight | None, bytes], int] = {}
        self._biases: dict[tuple[int, bytes, TensorType, bytes], int] = {}

    def weight(self, node: Node, position: int, weight: Weight, how: NodePlan) -> int:
        """The narrowed constant's index, behind its DEQUANTIZE where it is decoded."""
        index = node.inputs[position]
        if weight.type is TensorType.FLOAT16:
            return self._half(index)
        made = self._quantized(node, position, weight, how)
        self._note(floats(self.graph.tensors[index]), made.real())
        key = (index, weight, made.scales.tobytes())
        if key not in self._kept:
            self._kept[key] = self._keep(index, weight, made)
        return self._kept[key]

    def _half(self, index: int) -> int:
        tensor = self.graph.tensors[index]
        values = self._finite(tensor)
        limit = float(np.finfo(np.float16).max)
        if np.abs(values).max(initial=0) > limit:
            raise ModelError(
                f"expected constants within float16's {limit}, got {np.abs(values).max()} in {tensor.name!r}: "
                "keep the nodes that read it in float",
                self._place(),
            )
        self._note(values, values.astype(np.float16))
        key = (index, None, b"")
        if key not in self._kept:
            narrow = self.draft.constant(values.astype(np.float16), TensorType.FLOAT16, f"{tensor.name}_float16")
            self._kept[key] = self._decoded(narrow, tensor)
        return self._kept[key]

    def _note(self, real: Array, narrow: Array) -> None:
        """Adds the error of this node's weights up."""
        signal, noise = self.errors.get(self.at, (0.0, 0.0))
        squares = float(np.sum(np.square(real, dtype=np.float64)))
        self.errors[self.at] = signal + squares, noise + float(np.sum((real - narrow.astype(np.float64)) ** 2))

    def _keep(self, index: int, weight: Weight, made: Quantized) -> int:
        tensor = self.graph.tensors[index]
        if made.block_size:
            scales = self.draft.constant(made.scales.astype(np.float16), TensorType.FLOAT16, f"{tensor.name}_scales")
            quantization = Quantization(details=Blockwise(scales, -1, made.block_size))
        else:
            quantization = Quantization.of(made.scales, 0, made.axis)
        name = f"{tensor.name}_{weight.type.name.lower()}" if weight.decoded else tensor.name
        kept = self.draft.constant(made.values, weight.type, name, quantization)
        return self._decoded(kept, tensor) if weight.decoded else kept

    def _decoded(self, kept: int, tensor: Tensor) -> int:
        """The real form of a narrowed constant, behind a DEQUANTIZE."""
        result = self.draft.add(Tensor(tensor.name, tensor.shape, TensorType.FLOAT32))
        self.placed.append(Placed(Node(operator("DEQUANTIZE"), (kept,), (result,))))
        return result

    def _quantized(self, node: Node, position: int, weight: Weight, how: NodePlan) -> Quantized:
        """Weights as integers, with wider scales where an int32 bias would overflow otherwise."""
        index = node.inputs[position]
        values = self._finite(self.graph.tensors[index])
        if (index, weight) not in self._narrow:
            observer, learned = self.recipe.weight_observer, self.scales.get((index, weight))
            if learned is None:
                made = quantize_weights(values, weight.type, weight.axis, observer, weight.block_size, weight.bits)
            else:
                made = rescaled(values, learned, weight.type, weight.axis, weight.bits)
            self._narrow[index, weight] = made
        made = self._narrow[index, weight]
        for at, operand in enumerate(how.inputs):
            if isinstance(operand, Bias) and operand.weight == position and operand.type is TensorType.INT32:
                bias = floats(self.graph.tensors[node.inputs[at]])
                scales = made.scales.astype(np.float64)
                wider = widened_scales(bias, self._input_scale(node, operand, how), scales)
                if (wider != scales).any():
                    return rescaled(values, wider, weight.type, weight.axis, weight.bits)
        return made

    def _input_scale(self, node: Node, bias: Bias, how: NodePlan) -> float:
        operand = how.inputs[bias.activation]
        assert isinstance(operand, Activation)
        scale = self.parameters[operand.grid].scale
        assert scale is not None
        return float(scale[0])

    def bias(self, node: Node, position: int, bias: Bias, how: NodePlan) -> int:
        """The bias in units of input scale * weight scale, corrected for the mean error of the weights."""
        index = node.inputs[position]
        tensor = self.graph.tensors[index]
        values = self._finite(tensor)
        weight = how.inputs[bias.weight]
        correction: Array | None = None
        if isinstance(weight, Weight):
            made = self._quantized(node, bias.weight, weight, how)
            weight_scales = made.scales
            correction = self._correction(node, bias, made)
        else:
            assert isinstance(weight, Activation)
            held = self.parameters[weight.grid].scale
            assert held is not None
            weight_scales = held
        scales = (np.float32(self._input_scale(node, bias, how)) * weight_scales).astype(np.float32)
        if (scales < np.finfo(np.float32).tiny).any():
            raise ModelError(
                f"expected scales whose product float32 holds, got {self._input_scale(node, bias, how)} of the input "
                f"and {weight_scales.min()} of weights: keep this node in float",
                self._place(),
            )
        if correction is not None and correction.shape == values.shape:
            values = (values + correction).astype(np.float32)
        key = (index, scales.tobytes(), bias.type, values.tobytes())
        if key not in self._biases:
            q = quantize_bias(values, scales, bias.type)
            self._biases[key] = self.draft.constant(q, bias.type, tensor.name, Quantization.of(scales))
        return self._biases[key]

    def _correction(self, node: Node, bias: Bias, made: Quantized) -> Array | None:
        """(channels,): what the weights' rounding takes from the output's mean, where the input's is known."""
        source = node.inputs[bias.activation]
        if source not in self.means:
            return None
        lost = floats(self.graph.tensors[node.inputs[bias.weight]]).astype(np.float64) - made.real()
        return mean_of_outputs(node.op, lost, self.means[source], self.graph.tensors[source].shape)

    def _finite(self, tensor: Tensor) -> Array:
        values = floats(tensor)
        if not np.isfinite(values).all():
            raise ModelError(f"expected finite constants, got NaN or infinity in {tensor.name!r}", self._place())
        return values

    def _place(self) -> str:
        return f"$.subgraphs[{self.number}].operators[{self.at}]"


def operator(name: str) -> Op:
    """An operator without options, by name."""
    found = find(name)
    assert found is not None
    return found()
