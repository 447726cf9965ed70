"""A drop-in for `ai_edge_litert.interpreter.Interpreter`: same methods, arguments, dictionaries and kinds of error.

Differs by design: an intermediate tensor can be read only with `experimental_preserve_all_tensors`, in every profile;
error messages don't accumulate; where the runtime corrupts memory or aborts, this raises.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from . import tflite
from .errors import ModelError, Unsupported
from .kernels.profile import Profile
from .model import Blockwise, External, Model, Quantization, Signature, Tensor, TensorType
from .op import Array, CustomKernel
from .program import Program, Runtime
from .sparsity import stored
from .versions import check_versions

if TYPE_CHECKING:
    from .custom import CustomOperators

Details = dict[str, Any]


class OpResolverType(Enum):
    """Which kernel set runs, by the runtime's names: AUTO and BUILTIN are the profile `xnnpack`."""

    AUTO = 0
    BUILTIN = 1
    BUILTIN_REF = 2
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3


_PROFILES = {
    "AUTO": Profile.XNNPACK,
    "BUILTIN": Profile.XNNPACK,
    "BUILTIN_REF": Profile.REFERENCE,
    "BUILTIN_WITHOUT_DEFAULT_DELEGATES": Profile.OPTIMIZED,
}

_LIVE_VIEW = (
    "There is at least 1 reference to internal data in the interpreter in the form of a numpy array or slice. "
    "Be sure to only hold the function returned from tensor() if you are using raw data access."
)


class Interpreter:
    """Runs a `.tflite` model. Arguments as LiteRT's, in its order; `model` and `profile` are qengine's own.

    model_path: str or path; model_content: bytes; or model: a `Model`. Exactly one of the three.
    profile: "xnnpack", "optimized" or "reference" (or a Profile); it replaces experimental_op_resolver_type.
    num_threads: at least 1; default 1.
    custom_operators: kernels of custom operators by name (`CustomOperator`); they go before those qengine comes with.
    debug: runs the model node by node, with guard bytes around every tensor in native memory: invoke raises
    RuntimeError, naming the node, where one was overwritten. Slow.
    The experimental delegate options change nothing here, since no profile's numbers depend on them; a delegate
    itself can't be used and is refused.

    ValueError for what LiteRT's constructor refuses. allocate_tensors raises RuntimeError for what its Prepare
    refuses; invoke raises RuntimeError for what only values show.
    """

    def __init__(
        self,
        model_path: str | os.PathLike[str] | None = None,
        model_content: bytes | None = None,
        experimental_delegates: Sequence[object] | None = None,
        num_threads: int | None = None,
        experimental_op_resolver_type: object = OpResolverType.AUTO,
        experimental_preserve_all_tensors: bool = False,
        experimental_disable_delegate_clustering: bool = False,
        experimental_default_delegate_latest_features: bool = False,
        experimental_compress_quantization_zero_points: bool = False,
        experimental_disable_delegate_node_fusion: bool = False,
        experimental_force_delegate_node_profiling: bool = False,
        *,
        model: Model | None = None,
        profile: str | Profile | None = None,
        custom_operators: Mapping[str, CustomKernel] | None = None,
        debug: bool = False,
    ) -> None:
        self._profile = _choose_profile(experimental_op_resolver_type, profile)
        if num_threads is not None:
            if not isinstance(num_threads, int):
                raise ValueError(f"type of num_threads should be int, got {type(num_threads).__name__}")
            if num_threads < 1:
                raise ValueError(f"num_threads should be >= 1, got {num_threads}")
        self._model = _open(model_path, model_content, model)
        check_versions(self._model, self._profile)
        if experimental_delegates:
            raise ValueError("expected no experimental_delegates, got some: qengine has no use for native delegates")
        self._compress = bool(experimental_compress_quantization_zero_points)
        self._keep_all = bool(experimental_preserve_all_tensors)
        self._runtime = Runtime(
            self._model,
            self._profile,
            keep_all=self._keep_all,
            guard=debug,
            threads=num_threads or 1,
            kernels=custom_operators,
        )
        self._shapes: dict[tuple[int, int], tuple[int, ...]] = {}
        self._programs: dict[int, Program] = {}
        self._views = _Views()
        self._run: Callable[[], None] | None = None
        self._arrays: dict[int, Array] = {}

    # --- running

    def allocate_tensors(self) -> None:
        """Prepares the model for its input shapes. RuntimeError where an operator refuses them."""
        self._ensure_safe()
        self._allocate(0)

    def invoke(self) -> None:
        """Runs the model. RuntimeError before allocate_tensors, or where a value makes an operator impossible."""
        if self._views.alive:
            raise RuntimeError(_LIVE_VIEW)
        if self._run is None:
            raise RuntimeError("Invoke called on model that is not ready.")
        self._run()

    def _allocate(self, graph: int) -> Program:
        program = self._programs.get(graph) or Program(self._runtime, graph)
        self._forget(graph)
        tensors = self._model.graphs[graph].tensors
        inputs = self._model.graphs[graph].inputs
        shapes = [self._shapes.get((graph, i), tensors[i].shape or ()) for i in inputs if 0 <= i < len(tensors)]
        try:
            program.prepare(shapes)
        except Unsupported:
            raise
        except ModelError as error:
            raise RuntimeError(str(error)) from error
        except MemoryError as error:
            raise RuntimeError(f"expected a model that fits in memory, got one that doesn't: {error}") from error
        self._programs[graph] = program
        if graph == 0:
            self._run, self._arrays = program.run, program.fixed_arrays()
        return program

    def _forget(self, graph: int) -> None:
        """Takes back that a graph is ready to run."""
        self._programs.pop(graph, None)
        if graph == 0:
            self._run, self._arrays = None, {}

    def reset_all_variables(self) -> None:
        """Variable tensors back to their start: zero, in int8 their zero point."""
        for program in self._programs.values():
            program.reset_variables()

    def _ensure_safe(self) -> None:
        if self._views.alive:
            raise RuntimeError(_LIVE_VIEW)

    # --- tensors in and out

    def set_tensor(self, tensor_index: int, value: Any) -> None:
        """Copies `value` in. ValueError unless its type and shape are the tensor's; nothing is converted."""
        target = self._arrays.get(tensor_index)
        if (
            target is not None
            and type(value) is np.ndarray
            and value.dtype == target.dtype
            and value.shape == target.shape
        ):
            target[...] = value
            return
        self._set(0, tensor_index, value)

    def _set(self, graph: int, tensor_index: int, value: Any) -> None:
        tensor = self._tensor(tensor_index, graph)
        array = np.asarray(value)
        given = _type_name(array)
        if given != tensor.type.name and not (tensor.type.dtype == array.dtype and given != "STRING"):
            raise ValueError(
                f"Cannot set tensor: Got value of type {given} but expected type {tensor.type.name} "
                f"for input {tensor_index}, name: {tensor.name or ''} "
            )
        shape = self._shape(graph, tensor_index)
        if array.ndim != len(shape):
            raise ValueError(
                f"Cannot set tensor: Dimension mismatch. Got {array.ndim} but expected {len(shape)} "
                f"for input {tensor_index}."
            )
        for axis, (got, expected) in enumerate(zip(array.shape, shape, strict=True)):
            if got != expected:
                raise ValueError(
                    f"Cannot set tensor: Dimension mismatch. Got {got} but expected {expected} "
                    f"for dimension {axis} of input {tensor_index}."
                )
        program = self._programs.get(graph)
        target = None if program is None else program.values[tensor_index]
        if program is None or target is None:
            raise ValueError("Cannot set tensor: Tensor is unallocated. Try calling allocate_tensors() first")
        if tensor.type is TensorType.STRING:
            array = _as_bytes(array)
        if tensor.is_constant:
            program.overrides[tensor_index] = np.array(array, tensor.type.dtype)
            self._allocate(graph)
        elif target.flags.writeable:
            np.copyto(target, array)
        else:
            program.values[tensor_index] = np.array(array, tensor.type.dtype)

    def get_tensor(self, tensor_index: int, subgraph_index: int = 0) -> Array:
        """A copy of a tensor's values. ValueError before allocate_tensors, and for intermediates that aren't kept."""
        if subgraph_index == 0 and tensor_index in self._arrays:
            return self._arrays[tensor_index].copy()
        return np.array(self._value(tensor_index, subgraph_index))

    def tensor(self, tensor_index: int) -> Callable[[], Array]:
        """A function that returns a writable view of the tensor's own memory.

        While such a view (or a slice of it) lives, invoke, allocate_tensors and resize_tensor_input raise RuntimeError.
        """
        self._tensor(tensor_index, 0)

        def view() -> Array:
            value = self._value(tensor_index, 0)
            if value.dtype.hasobject:
                return value
            return np.asarray(_View(value, self._views))

        return view

    def _value(self, tensor_index: int, graph: int) -> Array:
        tensor = self._tensor(tensor_index, graph)
        program = self._programs.get(graph)
        if tensor.sparsity is not None and tensor.is_constant:
            return stored(tensor)
        value = None
        if program is not None and (self._keep_all or tensor_index in program.persistent):
            value = program.read(tensor_index)
        if value is None and tensor.is_constant and program is not None:
            value = program.values[tensor_index]
        if value is None and program is None and tensor.is_constant:
            value = tensor.array
        if value is None:
            raise ValueError(
                "Tensor data is null. Run allocate_tensors() first"
                if program is None
                else f"Tensor data is null: tensor {tensor_index} is an intermediate result; "
                "read it with experimental_preserve_all_tensors=True, after invoke()"
            )
        return value

    def resize_tensor_input(self, input_index: int, tensor_size: Any, strict: bool = False) -> None:
        """Gives an input another shape; allocate_tensors must follow. strict: only dimensions of signature -1 may."""
        self._ensure_safe()
        self._resize(0, input_index, tensor_size, strict)

    def _resize(self, graph: int, index: int, tensor_size: Any, strict: bool = False) -> None:
        shape = tuple(int(length) for length in np.array(tensor_size, np.int32).reshape(-1))
        tensors = self._model.graphs[graph].tensors
        if not 0 <= index < len(tensors):
            raise RuntimeError(f"expected a tensor index from 0 to {len(tensors) - 1}, got {index}")
        if any(length < 0 for length in shape):
            raise RuntimeError(f"expected lengths of 0 or more, got {list(shape)}: number of elements overflowed")
        if strict:
            _check_strict(index, self._shape(graph, index), tensors[index].shape_signature, shape)
        if graph in self._programs and self._shape(graph, index) == shape:
            return
        self._shapes[graph, index] = shape
        self._forget(graph)

    # --- details

    def get_input_details(self) -> list[Details]:
        """One dictionary an input, as LiteRT's."""
        return [self._get_tensor_details(i, 0) for i in self._model.graphs[0].inputs]

    def get_output_details(self) -> list[Details]:
        """One dictionary an output, as LiteRT's."""
        return [self._get_tensor_details(i, 0) for i in self._model.graphs[0].outputs]

    def get_tensor_details(self, subgraph_index: int = 0) -> list[Details]:
        """One dictionary a tensor of the file. (LiteRT's list may end with its kernels' unnamed temporaries.)"""
        count = len(self._model.graphs)
        if not 0 <= subgraph_index < count:
            raise ValueError(
                f"subgraph_index is out of range: {subgraph_index} for the model, which has {count} subgraphs."
            )
        return [
            self._get_tensor_details(i, subgraph_index) for i in range(len(self._model.graphs[subgraph_index].tensors))
        ]

    def _get_tensor_details(self, tensor_index: int, subgraph_index: int = 0) -> Details:
        tensor = self._tensor(int(tensor_index), int(subgraph_index))
        shape = self._shape(subgraph_index, tensor_index)
        signature = tensor.shape_signature
        scales, points, axis, block = self._quantization(tensor.quantization, subgraph_index)
        single = len(scales) == 1 and not block
        return {
            "name": tensor.name or "",
            "index": int(tensor_index),
            "shape": np.array(shape, np.int32),
            "shape_signature": np.array(signature if signature else shape, np.int32),
            "dtype": _numpy_type(self._type(subgraph_index, tensor_index)),
            "quantization": (float(scales[0]), int(points[0])) if single else (0.0, 0),
            "quantization_parameters": {
                "scales": scales,
                "zero_points": points,
                "quantized_dimension": axis,
                "block_size": block,
            },
            "sparsity_parameters": _sparsity(tensor),
        }

    def _quantization(self, quantization: Quantization | None, graph: int) -> tuple[Array, Array, int, int]:
        """scales, zero points, quantized dimension, block size."""
        if quantization is not None and isinstance(quantization.details, Blockwise):
            scales = self._tensor(quantization.details.scales, graph)
            values = scales.array.reshape(-1).copy() if scales.is_constant else np.array([], np.float16)
            return values, np.array([], np.int32), quantization.axis, quantization.details.block_size
        if quantization is None or quantization.scale is None or quantization.zero_point is None:
            return np.array([], np.float32), np.array([], np.int32), 0, 0
        points = quantization.zero_point.astype(np.int32)
        if self._compress and len(points) and (points == points[0]).all():
            points = points[:1]
        return np.array(quantization.scale), points, quantization.axis, 0

    def _get_ops_details(self) -> list[Details]:
        """One dictionary a node of the first graph. (LiteRT appends its delegate's nodes; there are none here.)"""
        return [self._get_op_details(i) for i in range(len(self._model.graphs[0].nodes))]

    def _get_op_details(self, op_index: int) -> Details:
        nodes = self._model.graphs[0].nodes
        if not 0 <= op_index < len(nodes):
            raise ValueError(f"expected an operator index from 0 to {len(nodes) - 1}, got {op_index}")
        node = nodes[op_index]
        types = {i: _numpy_type(self._type(0, i)) for i in (*node.inputs, *node.outputs) if i != -1}
        return {
            "index": int(op_index),
            "op_name": node.op.name,
            "inputs": np.array(node.inputs, np.int32),
            "outputs": np.array(node.outputs, np.int32),
            "operand_types": [types[i] for i in node.inputs if i != -1],
            "result_types": [types[i] for i in node.outputs if i != -1],
        }

    def num_subgraphs(self) -> int:
        """How many subgraphs the model has."""
        return len(self._model.graphs)

    @property
    def experimental_compress_quantization_zero_points(self) -> bool:
        """Whether equal zero points of all channels are given as one."""
        return self._compress

    def _tensor(self, index: int, graph: int) -> Tensor:
        if not 0 <= graph < len(self._model.graphs):
            raise ValueError(f"Invalid subgraph index {graph} exceeds max subgraph index {len(self._model.graphs)}")
        tensors = self._model.graphs[graph].tensors
        if not 0 <= index < len(tensors):
            raise ValueError(f"Invalid tensor index {index} exceeds max tensor index {len(tensors) - 1}")
        return tensors[index]

    def _shape(self, graph: int, index: int) -> tuple[int, ...]:
        program = self._programs.get(graph)
        if program is not None:
            value, spec = program.values[index], program.specs[index]
            if value is not None:
                return value.shape
            if spec.shape is not None:
                return spec.shape
        return self._shapes.get((graph, index), self._model.graphs[graph].tensors[index].shape or ())

    def _type(self, graph: int, index: int) -> TensorType:
        """A tensor's type: once prepared, what its operator made of the file's."""
        program = self._programs.get(graph)
        return self._tensor(index, graph).type if program is None else program.specs[index].type

    # --- signatures

    def _signatures(self) -> dict[str, Signature]:
        return {signature.key or "": signature for signature in self._model.signatures or ()}

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        """Names of inputs and outputs by signature key."""
        return {
            key: {"inputs": list(parts["inputs"]), "outputs": list(parts["outputs"])}
            for key, parts in self._get_full_signature_list().items()
        }

    def _get_full_signature_list(self) -> dict[str, dict[str, dict[str, int]]]:
        return {
            key: {"inputs": dict(sorted(signature.inputs)), "outputs": dict(sorted(signature.outputs))}
            for key, signature in self._signatures().items()
        }

    def get_signature_runner(self, signature_key: str | None = None) -> SignatureRunner:
        """A function of the signature's inputs by name. None: the only signature there is."""
        signatures = self._signatures()
        if signature_key is None:
            if len(signatures) != 1:
                raise ValueError(
                    f"SignatureDef signature_key is None and model has {len(signatures)} Signatures. "
                    "None is only allowed when the model has 1 SignatureDef"
                )
            (signature_key,) = signatures
        return SignatureRunner(self, signature_key)


class InterpreterWithCustomOps(Interpreter):
    """An Interpreter whose custom operators are registered by functions, as LiteRT's class of this name has it.

    custom_op_registerers: functions, called with a `CustomOperators` to whose `add(name, operator)` they give theirs.
    LiteRT's own registerers, names of native functions among them, can't be used: ValueError.
    """

    def __init__(
        self, custom_op_registerers: Sequence[Callable[[CustomOperators], object]] | None = None, **arguments: Any
    ) -> None:
        from .custom import CustomOperators  # other interpreters don't need it

        operators = CustomOperators(arguments.pop("custom_operators", None) or {})
        for register in custom_op_registerers or ():
            if not callable(register):
                raise ValueError(f"expected registerers to be Python functions, got {register!r}")
            register(operators)
        super().__init__(custom_operators=operators, **arguments)


class SignatureRunner:
    """Calls one signature: arrays by input name in, a dictionary of copies by output name out."""

    def __init__(self, interpreter: Interpreter | None = None, signature_key: str | None = None) -> None:
        if interpreter is None:
            raise ValueError("None interpreter provided.")
        if signature_key is None:
            raise ValueError("None signature_key provided.")
        signature = interpreter._signatures().get(signature_key)
        if signature is None:
            raise ValueError(f'Invalid signature_key provided: "{signature_key}".')
        self._interpreter = interpreter
        self._graph = signature.graph
        self._inputs: Mapping[str, int] = dict(sorted(signature.inputs))
        self._outputs: Mapping[str, int] = dict(sorted(signature.outputs))

    def __call__(self, **kwargs: Any) -> dict[str, Array]:
        """Resizes every input to its value's shape, allocates, sets, invokes."""
        if len(kwargs) != len(self._inputs):
            raise ValueError(
                "Invalid number of inputs provided for running a SignatureDef, "
                f"expected {len(self._inputs)} vs provided {len(kwargs)}"
            )
        it, graph = self._interpreter, self._graph
        for name, value in kwargs.items():
            if name not in self._inputs:
                raise ValueError(f"Invalid Input name ({name}) for SignatureDef")
            it._resize(graph, self._inputs[name], value.shape)
        program = it._programs.get(graph) or it._allocate(graph)
        for name, value in kwargs.items():
            it._set(graph, self._inputs[name], value)
        program.run()
        return {name: it.get_tensor(index, graph) for name, index in self._outputs.items()}

    def get_input_details(self) -> dict[str, Details]:
        """The tensor's dictionary, by input name."""
        return {name: self._interpreter._get_tensor_details(i, self._graph) for name, i in self._inputs.items()}

    def get_output_details(self) -> dict[str, Details]:
        """The tensor's dictionary, by output name."""
        return {name: self._interpreter._get_tensor_details(i, self._graph) for name, i in self._outputs.items()}


class _Views:
    """How many views of an interpreter's memory are alive."""

    alive = 0


class _View:
    """Lends an array's memory to NumPy: arrays made from it, and their slices, keep it alive, so it can be counted."""

    def __init__(self, array: Array, views: _Views) -> None:
        self._array, self._views = array, views
        self.__array_interface__ = array.__array_interface__
        views.alive += 1

    def __del__(self) -> None:
        self._views.alive -= 1


def _choose_profile(resolver: object, profile: str | Profile | None) -> Profile:
    if profile is not None:
        return Profile(profile)
    name = resolver.name if isinstance(resolver, Enum) else None
    if name not in _PROFILES:
        raise ValueError(f"Unrecognized passed in op resolver type: {resolver}")
    return _PROFILES[name]


def _open(path: str | os.PathLike[str] | None, content: bytes | None, model: Model | None) -> Model:
    if model is not None and (path or content):
        raise ValueError("Can't provide `model` together with `model_path` or `model_content`")
    if model is None:
        if path and content:
            raise ValueError("Can't both provide `model_path` and `model_content`")
        if content is not None and not isinstance(content, bytes):
            raise TypeError(f"expected model_content as bytes, got {type(content).__name__}")
        if not path and not content:
            raise ValueError("`model_path` or `model_content` must be specified.")
        model = tflite.load(path if path else content or b"")
        if path and any(isinstance(tensor.data, External) for graph in model.graphs for tensor in graph.tensors):
            model = tflite.embed(model, os.path.dirname(path))
    tflite.check_model(model)
    return model


def _check_strict(index: int, now: Sequence[int], signature: Sequence[int] | None, shape: Sequence[int]) -> None:
    fixed = signature or now
    if len(fixed) != len(shape):
        raise RuntimeError(f"Attempting to resize tensor {index} of {len(fixed)} dimensions to {len(shape)}, strictly")
    for axis, (old, new) in enumerate(zip(now, shape, strict=True)):
        if old != new and fixed[axis] != -1:
            raise RuntimeError(
                f"Attempting to resize dimension {axis} of tensor {index} with value {old} to {new}. "
                "ResizeInputTensorStrict only allows mutating unknown dimensions identified by -1."
            )


def _numpy_type(type_: TensorType) -> type:
    return np.bytes_ if type_ is TensorType.STRING else type_.dtype.type


def _type_name(array: Array) -> str:
    """TFLite's name of an array's type."""
    if array.dtype.kind in "SUO":
        return "STRING"
    for type_ in TensorType:
        if type_.dtype == array.dtype:
            return type_.name
    return array.dtype.name.upper()


def _as_bytes(array: Array) -> Array:
    flat = [item.encode() if isinstance(item, str) else bytes(item) for item in array.reshape(-1).tolist()]
    strings = np.empty(len(flat), object)
    strings[:] = flat
    return strings.reshape(array.shape)


def _sparsity(tensor: Tensor) -> Details:
    if tensor.sparsity is None:
        return {}
    dimensions: list[Details] = []
    for dimension in tensor.sparsity.dimensions or ():
        entry: Details = {"format": int(dimension.format)}
        if dimension.format == 0:
            entry["dense_size"] = dimension.dense_size
        else:
            entry["array_segments"] = np.asarray(dimension.segments, np.int32)
            entry["array_indices"] = np.asarray(dimension.indices, np.int32)
        dimensions.append(entry)
    return {
        "traversal_order": np.array(tensor.sparsity.traversal_order or (), np.int32),
        "block_map": np.array(tensor.sparsity.block_map or (), np.int32),
        "dim_metadata": dimensions,
    }
