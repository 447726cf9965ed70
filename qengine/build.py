"""A Model by hand: operators and arrays in, a network out; shapes, quantization and versions follow.

Longer than most files for the arguments that its readers are to see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from .affine import parameters, quantize
from .errors import ModelError, Unsupported
from .model import Buffer, Graph, Metadata, Model, Node, Quantization, Shape, Signature, Tensor, TensorType
from .op import CustomKernel, Dynamic, Op, Spec, Specs
from .ops.custom import find
from .output import Output, completed, settled, spec_of, tensor_of
from .packing import as_values, pack, type_of


@dataclass(frozen=True, eq=False)
class Operand:
    """A tensor of a graph that is being built: goes into `Builder.add` and comes out of it."""

    graph: Builder
    index: int

    @property
    def tensor(self) -> Tensor:
        return self.graph.tensors[self.index]

    @property
    def name(self) -> str:
        assert self.tensor.name is not None
        return self.tensor.name

    @property
    def shape(self) -> Shape:
        """ValueError where only a running model can know it."""
        if self.tensor.shape is None:
            raise ValueError(f"expected a tensor whose shape is known, got {self!r}")
        return self.tensor.shape

    @property
    def type(self) -> TensorType:
        return self.tensor.type

    @property
    def quantization(self) -> Quantization | None:
        return self.tensor.quantization

    @property
    def spec(self) -> Spec:
        """The tensor as operators see it."""
        return spec_of(self.tensor)

    def __repr__(self) -> str:
        shape = "[?]" if self.tensor.shape is None else list(self.tensor.shape)
        return f"Operand({self.name!r}, {self.type.name}{shape})"


class Builder:
    """One graph, and with the graphs it begins (`graph`), a model.

        b = Builder("classifier")
        x = b.input("image", (1, 28, 28, 1))
        y = b.add(Conv2D(stride_w=2, stride_h=2), [x, filters, bias])
        y = b.add(Reshape(), [y, [1, -1]])
        model = b.model([b.add(FullyConnected(), [y, matrix, None], name="scores")])

    `type` arguments take a TensorType, a NumPy type or a name ("int4" too). scale and zero_point are one number, or
    one for every index along `axis`. A tensor without a name gets its operator's, made unique by a number.
    ValueError where what is asked doesn't fit together; the builder is then as it was before.
    """

    def __init__(self, name: str = "main", description: str | None = None) -> None:
        self.name = name
        self.description = description
        self.index = 0
        self.tensors: list[Tensor] = []
        self._names: set[str | None] = set()
        self._nodes: list[Node] = []
        self._inputs: list[int] = []
        self._outputs: tuple[int, ...] | None = None
        self._graphs: list[Builder] = [self]
        self._signatures: list[Signature] = []
        self._metadata: list[Metadata] = []

    def graph(self, name: str) -> Builder:
        """Another graph of the same model, for IF, WHILE, CALL. Its number is `index`; its outputs go to `returns`."""
        inner = Builder(name)
        inner.index = len(self._graphs)
        self._graphs.append(inner)
        inner._graphs, inner._signatures, inner._metadata = self._graphs, self._signatures, self._metadata
        return inner

    def input(
        self,
        name: str,
        shape: Iterable[int],
        type: Any = TensorType.FLOAT32,
        *,
        scale: Any = None,
        zero_point: Any = 0,
        shape_signature: Iterable[int] | None = None,
        quantization: Quantization | None = None,
    ) -> Operand:
        """An input of the graph. shape_signature: the shape with -1 for what callers may change."""
        asked = Output(name, shape, type, scale, zero_point, 0, quantization, shape_signature)
        operand = self._append(tensor_of(asked), name)
        self._inputs.append(operand.index)
        return operand

    def constant(
        self,
        values: Any,
        *,
        name: str | None = None,
        type: Any = None,
        scale: Any = None,
        zero_point: Any = 0,
        axis: int = 0,
        quantization: Quantization | None = None,
    ) -> Operand:
        """What is known when the model is made. Where there is a scale, values are the quantized ones.

        Arrays keep their type (float64 stays FLOAT64); lists and numbers become FLOAT32, INT32, BOOL or STRING.
        `type` converts and refuses what doesn't fit: FLOAT16 rounds, INT4 and INT2 are packed.
        """
        array = as_values(values)
        type_ = type_of(array.dtype) if type is None else type_of(type)
        asked = Output(name, array.shape, type_, scale, zero_point, axis, quantization)
        return self._append(replace(tensor_of(asked), data=Buffer(pack(array, type_))), "constant")

    def weights(
        self, real: Any, *, axis: int | None = 0, type: Any = TensorType.INT8, name: str | None = None
    ) -> Operand:
        """Real weights (..., c, ...) as a quantized constant, one scale for every index along `axis`, or one for all.

        Signed types: scale = max |weight| / (2**(bits - 1) - 1), zero point 0, the smallest number left out, as the
        runtime's converter does. Unsigned ones: from the least to the greatest weight, with axis None.
        """
        type_, array = type_of(type), np.asarray(real, np.float32)
        signed = type_.dtype.kind == "i"
        others = None if axis is None else tuple(i for i in range(array.ndim) if i != axis % array.ndim)
        low, high = np.asarray(array.min(others)), np.asarray(array.max(others))
        scale, zero_point = parameters(low, high, type_.bits, signed, signed, signed)
        q = quantize(array, scale, zero_point, type_.dtype, axis, bits=type_.bits, narrow_range=signed)
        return self.constant(
            q, name=name, type=type_, scale=scale, zero_point=zero_point, axis=0 if axis is None else axis
        )

    def variable(
        self,
        name: str,
        shape: Iterable[int],
        type: Any = TensorType.FLOAT32,
        *,
        scale: Any = None,
        zero_point: Any = 0,
        quantization: Quantization | None = None,
    ) -> Operand:
        """A tensor that keeps its values between calls: the state of a recurrent operator."""
        asked = Output(name, shape, type, scale, zero_point, 0, quantization)
        return self._append(replace(tensor_of(asked), is_variable=True), name)

    def tensor(
        self,
        name: str,
        shape: Iterable[int],
        type: Any = TensorType.FLOAT32,
        *,
        scale: Any = None,
        zero_point: Any = 0,
        quantization: Quantization | None = None,
    ) -> Operand:
        """A tensor that no node computes and that holds nothing: what `intermediates` of a node are."""
        return self._append(tensor_of(Output(name, shape, type, scale, zero_point, 0, quantization)), name)

    @overload
    def add(
        self,
        op: Op,
        inputs: Sequence[Any],
        *,
        name: str | None = None,
        shape: Iterable[int] | None = None,
        type: Any = None,
        scale: Any = None,
        zero_point: Any = 0,
        quantization: Quantization | None = None,
        intermediates: Sequence[Operand | None] | None = None,
        version: int | None = None,
    ) -> Operand: ...

    @overload
    def add(
        self,
        op: Op,
        inputs: Sequence[Any],
        *,
        outputs: int | Sequence[Output],
        name: str | None = None,
        intermediates: Sequence[Operand | None] | None = None,
        version: int | None = None,
    ) -> tuple[Operand, ...]: ...

    def add(
        self,
        op: Op,
        inputs: Sequence[Any],
        *,
        outputs: int | Sequence[Output] | None = None,
        name: str | None = None,
        shape: Iterable[int] | None = None,
        type: Any = None,
        scale: Any = None,
        zero_point: Any = 0,
        quantization: Quantization | None = None,
        intermediates: Sequence[Operand | None] | None = None,
        version: int | None = None,
    ) -> Operand | tuple[Operand, ...]:
        """Applies an operator. Gives its output, or a tuple of them where `outputs` says how many or what they are.

        inputs: operands, None where an optional one is absent, and arrays, lists or numbers for constants. A bias given
        so for the only weights gets their unit, input * weights; real numbers are rounded to it. The shape is what the
        operator infers, the type that of the input it follows, the quantization what the operator's rule says; where
        the rule leaves it free, an integer output needs its scale. version: the smallest that says what the node says.
        ModelError with its place in the model where inputs don't fit the operator.
        """
        one = Output(name, shape, type, scale, zero_point, 0, quantization)
        wanted = [one] if outputs is None else [one] * outputs if isinstance(outputs, int) else list(outputs)
        op = settled(op)
        before = len(self.tensors)
        try:
            sources = self._sources(op, inputs)
            within = [None if part is None else self._own(part) for part in intermediates or ()]
            made = self._results(op, sources, wanted, within)
            specs = Specs(_specs(sources), tuple(result.spec for result in made), _specs(within))
            least = op.version(specs) if version is None else version
        except BaseException as error:
            self._names.difference_update(tensor.name for tensor in self.tensors[before:])
            del self.tensors[before:]
            if isinstance(error, ModelError):
                raise error.within(f"$.subgraphs[{self.index}].operators[{len(self._nodes)}]") from None
            raise
        middle = None if intermediates is None else _indices(within)
        self._nodes.append(Node(op, _indices(sources), _indices(made), middle, least))
        return made[0] if outputs is None else tuple(made)

    def returns(self, outputs: Iterable[Operand]) -> None:
        """Says which tensors the graph gives back."""
        self._outputs = tuple(self._own(operand).index for operand in outputs)

    def signature(self, key: str, inputs: Mapping[str, Operand], outputs: Mapping[str, Operand]) -> None:
        """A named entry into this graph: argument names and the tensors they stand for."""
        entering, leaving = (
            tuple((name, self._own(operand).index) for name, operand in named.items()) for named in (inputs, outputs)
        )
        self._signatures.append(Signature(key, entering, leaving, self.index))

    def metadata(self, name: str, content: bytes) -> None:
        self._metadata.append(Metadata(name, Buffer(content)))

    def model(self, outputs: Iterable[Operand] | None = None) -> Model:
        """The model, its first graph giving `outputs`.

        Where `signature` was never called, it has one, `serving_default`, that goes by the tensors' names.
        """
        if self.index != 0:
            raise ValueError(f"expected the builder of the model, got that of its graph {self.name!r}")
        if outputs is not None:
            self.returns(outputs)
        graphs = tuple(inner._finished() for inner in self._graphs)
        named = [tuple((str(self.tensors[i].name), i) for i in part) for part in (graphs[0].inputs, graphs[0].outputs)]
        signatures = tuple(self._signatures) or (Signature("serving_default", named[0], named[1]),)
        return Model(graphs, self.description, signatures, tuple(self._metadata) or None)

    def _finished(self) -> Graph:
        if self._outputs is None:
            raise ValueError(f"expected `returns` to be called for graph {self.name!r}")
        return Graph(tuple(self.tensors), tuple(self._nodes), tuple(self._inputs), self._outputs, self.name)

    def _append(self, tensor: Tensor, otherwise: str) -> Operand:
        """The tensor, named; `otherwise` is its name, with a number where that is taken, if it has none."""
        name, count = tensor.name, 0
        if name in self._names and name is not None:
            raise ValueError(f"expected a name that no tensor of graph {self.name!r} has yet, got {name!r}")
        while name is None or name in self._names:
            name, count = f"{otherwise}_{count}" if count else otherwise, count + 1
        self._names.add(name)
        self.tensors.append(replace(tensor, name=name))
        return Operand(self, len(self.tensors) - 1)

    def _own(self, operand: Operand) -> Operand:
        if operand.graph is not self:
            raise ValueError(f"expected a tensor of graph {self.name!r}, got {operand!r} of {operand.graph.name!r}")
        return operand

    def _sources(self, op: Op, inputs: Sequence[Any]) -> list[Operand | None]:
        """The inputs as operands; what is an array or a number becomes a constant."""
        biases = {weights.bias: weights.input for weights in op.weights} if len(op.weights) == 1 else {}
        sources: list[Operand | None] = [None if i in biases else self._source(part) for i, part in enumerate(inputs)]
        for i, part in enumerate(inputs):
            if i in biases:
                plain = part is None or isinstance(part, Operand)
                sources[i] = self._source(part) if plain else self._bias(part, sources, biases[i])
        return sources

    def _source(self, part: Any) -> Operand | None:
        if part is None:
            return None
        return self._own(part) if isinstance(part, Operand) else self.constant(part)

    def _bias(self, values: Any, sources: Sequence[Operand | None], weights: int) -> Operand:
        """The unit of a quantized bias is scale of the input * scale of the weights; real numbers are rounded to it."""
        array = as_values(values)
        data = next((source for source in sources if source is not None and not source.tensor.is_constant), None)
        factors = [None if operand is None else operand.quantization for operand in (data, sources[weights])]
        scales = [None if quantized is None else quantized.scale for quantized in factors]
        if data is None or scales[0] is None or scales[1] is None:
            return self.constant(array)
        scale = np.broadcast_to(scales[0] * scales[1], array.shape)
        if array.dtype.kind == "f":
            wide = np.int64 if data.type is TensorType.INT16 else np.int32
            array = quantize(array, scale, 0, wide, axis=0)
        return self.constant(array, scale=scales[0] * scales[1])

    def _results(
        self, op: Op, sources: Sequence[Operand | None], wanted: Sequence[Output], within: Sequence[Operand | None]
    ) -> list[Operand]:
        inputs = _specs(sources)
        full = [completed(op, inputs, asked) for asked in wanted]
        unshaped = tuple(spec_of(tensor_of(replace(asked, shape=None))) for asked in full)
        shapes = self._shapes(op, Specs(inputs, unshaped, _specs(within)), full)
        return [
            self._append(tensor_of(replace(asked, shape=shape)), op.name.lower())
            for asked, shape in zip(full, shapes, strict=True)
        ]

    def _shapes(self, op: Op, specs: Specs, wanted: Sequence[Output]) -> list[Iterable[int] | None]:
        given = [asked.shape for asked in wanted]
        if all(shape is not None for shape in given):
            return given
        if any(spec is not None and spec.shape is None for spec in specs.inputs):
            return given
        try:
            found = op.infer(specs, _Around(self._graphs))
        except Unsupported as error:
            raise Unsupported(f"{op.name}: {error.message}; with `shape` it can be added", error.where) from error
        if isinstance(found, Dynamic):
            return given
        if len(found) != len(wanted):
            raise ValueError(f"{op.name} has {len(found)} outputs, got `outputs` for {len(wanted)}")
        return [shape if shape is not None else inferred for shape, inferred in zip(given, found, strict=True)]


@dataclass(frozen=True)
class _Around:
    """The graphs of the model as far as they are built: shapes can be asked for, nothing runs."""

    graphs: Sequence[Builder]

    def graph(self, index: int) -> Graph:
        if not 0 <= index < len(self.graphs):
            raise ModelError(f"expected a graph below {len(self.graphs)}, got {index}")
        return self.graphs[index]._finished()

    def prepare(self, graph: int, inputs: Sequence[Spec]) -> tuple[Sequence[Spec], Callable[..., Any]]:
        self.graph(graph)
        inner = self.graphs[graph]
        return [Operand(inner, i).spec for i in inner._finished().outputs], _never

    @property
    def resources(self) -> dict[Any, Any]:
        return {}

    def rounds(self, condition: int, body: int, inputs: Sequence[Spec], sources: Sequence[int | None]) -> None:
        return None

    def custom(self, custom_code: str) -> CustomKernel | None:
        return find(custom_code)


def _never(*_: NDArray[Any]) -> Any:
    raise AssertionError("a graph that is being built doesn't run")


def _specs(operands: Iterable[Operand | None]) -> tuple[Spec | None, ...]:
    return tuple(None if operand is None else operand.spec for operand in operands)


def _indices(operands: Iterable[Operand | None]) -> tuple[int, ...]:
    return tuple(-1 if operand is None else operand.index for operand in operands)
