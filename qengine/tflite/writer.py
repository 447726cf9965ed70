"""From a Model to the bytes of a `.tflite` file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..model import (
    Blockwise,
    Buffer,
    CustomQuantization,
    Dimension,
    External,
    Graph,
    Metadata,
    Model,
    Node,
    Quantization,
    Signature,
    Sparsity,
    Tensor,
    VariantSubtype,
)
from ..op import CustomOp, Spec, Specs
from . import options, schema
from .put import At, Behind, Put

_Part = TypeVar("_Part")

LIMIT = 2**31 - 1
"""The most bytes that a FlatBuffer's own offsets may span."""

_INDICES = {"int32": "Int32Vector", "uint16": "Uint16Vector", "uint8": "Uint8Vector"}


def to_bytes(model: Model, *, limit: int = LIMIT) -> bytes:
    """The file of a model, the same bytes for equal models that share their buffers alike.

    Constants are aligned to 16 bytes. Where the file would pass `limit` bytes they are found by `Buffer.offset`.
    ModelError where the schema can't say what the model says.
    """
    return b"".join(_pieces(model, limit))


def save(model: Model, path: str | os.PathLike[str], *, limit: int = LIMIT) -> None:
    """Writes `to_bytes(model)` to a file, which appears complete or not at all: it is written beside, then renamed."""
    pieces = _pieces(model, limit)
    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
        os.chmod(name, _mode(target))
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _mode(target: Path) -> int:
    """The permissions of the file to be replaced, or of any new one."""
    with suppress(OSError):
        return target.stat().st_mode & 0o777
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask


def _pieces(model: Model, limit: int) -> list[bytes | memoryview]:
    """The file in pieces; those of constants are the model's own bytes."""
    if model.unknown:
        raise ModelError(f"expected a model that the schema can say, got one that also says: {model.unknown[0]}")
    writer = Writer(model, detached=False, base=LIMIT)
    if len(writer.tables) + writer.behind.length > limit:
        writer = Writer(model, detached=True, base=LIMIT)
    if writer.by_offset:
        # How long the tables are doesn't depend on what the offsets in them are, only on their being there.
        writer = Writer(model, detached=writer.detached, base=len(writer.tables))
    appended = [] if model.appended is None else [_view(model.appended)]
    return [writer.tables, *writer.behind.pieces, *appended]


class Writer:
    """The tables of a model, and the constants behind them.

    detached: whether constants are found by an offset from the start of the file, which is `base` bytes of tables
    longer than the offset from their end. Buffers that are one object share an index; so do equal operator codes.
    """

    def __init__(self, model: Model, *, detached: bool, base: int) -> None:
        self.model = model
        self.detached = detached
        self.base = base
        self.by_offset = False
        self.put = Put()
        self.behind = Behind()
        self.buffers: dict[int, int] = {}
        self.buffer_tables = [self._table("Buffer", "$.buffers[0]", data=None, offset=0, size=0)]
        self.externals: dict[int, tuple[int, External]] = {}
        self.codes: dict[tuple[int, str | None, int], int] = {}
        self.tables = self.put.finish(self._model(model))

    def _model(self, model: Model) -> At:
        graphs = self._each(model.graphs, "$.subgraphs", self._graph)
        signatures = self._maybe(model.signatures, "$.signature_defs", self._signature)
        metadata = self._maybe(model.metadata, "$.metadata", self._metadata)
        older = None if model.metadata_buffers is None else [self._buffer(part) for part in model.metadata_buffers]
        for part in model.unreferenced:
            if isinstance(part, Buffer):
                self._buffer(part)
            else:
                self._external(part)
        groups, externals = self._external_tables()
        return self._table(
            "Model",
            "$",
            version=schema.VERSION,
            operator_codes=self._each(list(self.codes), "$.operator_codes", self._code),
            subgraphs=graphs,
            description=model.description,
            buffers=self.buffer_tables,
            metadata_buffer=older,
            metadata=metadata,
            signature_defs=signatures,
            external_buffer_groups=groups,
            external_buffers=externals,
        )

    def _table(self, table: str, where: str, **values: Any) -> At:
        return self.put.table(schema.layout(table), values, where)

    @staticmethod
    def _each(parts: Sequence[_Part], where: str, write: Callable[[_Part, str], At]) -> list[At]:
        return [write(part, f"{where}[{i}]") for i, part in enumerate(parts)]

    def _maybe(self, parts: Sequence[_Part] | None, where: str, write: Callable[[_Part, str], At]) -> list[At] | None:
        return None if parts is None else self._each(parts, where, write)

    # --- bytes

    def _buffer(self, buffer: Buffer | None) -> int:
        """The index of a buffer, which is written when it is met first; 0 for none."""
        if buffer is None:
            return 0
        index = self.buffers.setdefault(id(buffer), len(self.buffer_tables))
        if index == len(self.buffer_tables):
            where, data = f"$.buffers[{index}]", _view(buffer)
            if self.detached and len(data) > 0:
                table = self._table("Buffer", where, data=None, offset=self._offset(data), size=len(data))
            else:
                table = self._table("Buffer", where, data=self.behind.vector(data), offset=0, size=0)
            self.buffer_tables.append(table)
        return index

    def _offset(self, data: memoryview) -> int:
        self.by_offset = True
        return self.base + self.behind.plain(data)

    def _external(self, external: External) -> int:
        """The id of external data; the first is 1, since 0 says that there is none."""
        return self.externals.setdefault(id(external), (len(self.externals) + 1, external))[0]

    def _external_tables(self) -> tuple[list[At] | None, list[At] | None]:
        if not self.externals:
            return None, None
        names = list(dict.fromkeys(external.group for _, external in self.externals.values()))
        groups = [
            self._table("ExternalBufferGroup", f"$.external_buffer_groups[{i}]", name=name)
            for i, name in enumerate(names)
        ]
        tables = [
            self._table(
                "ExternalBuffer",
                f"$.external_buffers[{index - 1}]",
                id=index,
                group=names.index(external.group),
                offset=external.offset,
                length=external.length,
                packing=external.packing,
            )
            for index, external in self.externals.values()
        ]
        return groups, tables

    # --- graphs

    def _graph(self, graph: Graph, where: str) -> At:
        return self._table(
            "SubGraph",
            where,
            tensors=self._each(graph.tensors, f"{where}.tensors", self._tensor),
            operators=[self._node(graph, node, f"{where}.operators[{i}]") for i, node in enumerate(graph.nodes)],
            inputs=graph.inputs,
            outputs=graph.outputs,
            name=graph.name,
            debug_metadata_index=graph.debug_metadata_index,
        )

    def _tensor(self, tensor: Tensor, where: str) -> At:
        data, quantization, sparsity = tensor.data, tensor.quantization, tensor.sparsity
        return self._table(
            "Tensor",
            where,
            shape=tensor.shape,
            type=tensor.type,
            buffer=0 if isinstance(data, External) else self._buffer(data),
            name=tensor.name,
            quantization=None if quantization is None else self._quantization(quantization, f"{where}.quantization"),
            is_variable=tensor.is_variable,
            sparsity=None if sparsity is None else self._sparsity(sparsity, f"{where}.sparsity"),
            shape_signature=tensor.shape_signature,
            has_rank=tensor.has_rank,
            variant_tensors=self._maybe(tensor.variants, f"{where}.variant_tensors", self._variant),
            external_buffer=self._external(data) if isinstance(data, External) else 0,
        )

    def _variant(self, variant: VariantSubtype, where: str) -> At:
        return self._table("VariantSubType", where, shape=variant.shape, type=variant.type, has_rank=variant.has_rank)

    def _quantization(self, quantization: Quantization, where: str) -> At:
        kind, details = self._details(quantization.details, f"{where}.details")
        return self._table(
            "QuantizationParameters",
            where,
            min=quantization.low,
            max=quantization.high,
            scale=quantization.scale,
            zero_point=quantization.zero_point,
            details_type=kind,
            details=details,
            quantized_dimension=quantization.axis,
        )

    def _details(self, details: Any, where: str) -> tuple[int, At | None]:
        if details is None:
            return 0, None
        if isinstance(details, CustomQuantization):
            table = "CustomQuantization"
        else:
            table = "BlockwiseQuantization" if isinstance(details, Blockwise) else "MultiAxisQuantization"
        return schema.codes("QuantizationDetails")[table], self._table(table, where, **vars(details))

    def _sparsity(self, sparsity: Sparsity, where: str) -> At:
        return self._table(
            "SparsityParameters",
            where,
            traversal_order=sparsity.traversal_order,
            block_map=sparsity.block_map,
            dim_metadata=self._maybe(sparsity.dimensions, f"{where}.dim_metadata", self._dimension),
        )

    def _dimension(self, dimension: Dimension, where: str) -> At:
        segments_type, segments = self._indices(dimension.segments, f"{where}.array_segments")
        indices_type, indices = self._indices(dimension.indices, f"{where}.array_indices")
        return self._table(
            "DimensionMetadata",
            where,
            format=dimension.format,
            dense_size=dimension.dense_size,
            array_segments_type=segments_type,
            array_segments=segments,
            array_indices_type=indices_type,
            array_indices=indices,
        )

    def _indices(self, indices: NDArray[np.generic] | None, where: str) -> tuple[int, At | None]:
        if indices is None:
            return 0, None
        if indices.dtype.name not in _INDICES:
            raise ModelError(f"expected int32, uint16 or uint8, got {indices.dtype}", where)
        table = _INDICES[indices.dtype.name]
        return schema.codes("SparseIndexVector")[table], self._table(table, where, values=indices)

    # --- operators

    def _node(self, graph: Graph, node: Node, where: str) -> At:
        op = node.op
        custom = op if isinstance(op, CustomOp) else None
        code = schema.CUSTOM if custom is not None else options.code(op, where)
        version = node.version if node.version is not None else op.version(_specs(graph, node, where))
        key = (code, None if custom is None else custom.custom_code, version)
        values: dict[str, Any] = {
            "opcode_index": self.codes.setdefault(key, len(self.codes)),
            "inputs": node.inputs,
            "outputs": node.outputs,
            "mutating_variable_inputs": node.mutating_variable_inputs,
            "intermediates": node.intermediates,
            "debug_metadata_index": node.debug_metadata_index,
        }
        values |= self._options(node, where) if custom is None else self._custom_options(custom)
        return self.put.table(schema.layout("Operator"), _ABSENT | values, where)

    def _options(self, node: Node, where: str) -> dict[str, Any]:
        table, second, values = options.table_values(node.op, where)
        if table is None:
            return {}
        field, union = ("builtin_options2", "BuiltinOptions2") if second else ("builtin_options", "BuiltinOptions")
        place = f"{where}.{'builtin_options_2' if second else field}"
        return {f"{field}_type": schema.codes(union)[table], field: self.put.table(schema.layout(table), values, place)}

    def _custom_options(self, op: CustomOp) -> dict[str, Any]:
        if op.options is None:
            return {}
        data = _view(op.options)
        if op.large_options:
            return {"large_custom_options_offset": self._offset(data), "large_custom_options_size": len(data)}
        return {"custom_options": data}

    def _code(self, key: tuple[int, str | None, int], where: str) -> At:
        code, custom, version = key
        return self._table(
            "OperatorCode",
            where,
            deprecated_builtin_code=min(code, schema.PLACEHOLDER_FOR_GREATER_OP_CODES),
            custom_code=custom,
            version=version,
            builtin_code=code,
        )

    # --- names for what the graphs hold

    def _signature(self, signature: Signature, where: str) -> At:
        return self._table(
            "SignatureDef",
            where,
            inputs=self._each(signature.inputs, f"{where}.inputs", self._argument),
            outputs=self._each(signature.outputs, f"{where}.outputs", self._argument),
            signature_key=signature.key,
            subgraph_index=signature.graph,
        )

    def _argument(self, argument: tuple[str, int], where: str) -> At:
        return self._table("TensorMap", where, name=argument[0], tensor_index=argument[1])

    def _metadata(self, metadata: Metadata, where: str) -> At:
        return self._table("Metadata", where, name=metadata.name, buffer=self._buffer(metadata.data))


_ABSENT = {
    "builtin_options_type": 0,
    "builtin_options": None,
    "custom_options": None,
    "custom_options_format": 0,
    "large_custom_options_offset": 0,
    "large_custom_options_size": 0,
    "builtin_options2_type": 0,
    "builtin_options2": None,
}


def _view(buffer: Buffer) -> memoryview:
    view = memoryview(buffer.data)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def _specs(graph: Graph, node: Node, where: str) -> Specs:
    """The operands of a node, as an operator's rule for its version asks."""

    def spec(index: int, place: str) -> Spec | None:
        if index == -1:
            return None
        if not 0 <= index < len(graph.tensors):
            raise ModelError(
                f"expected the index of one of {len(graph.tensors)} tensors, got {index}", f"{where}.{place}"
            )
        tensor = graph.tensors[index]
        value = None
        if isinstance(tensor.data, Buffer) and tensor.sparsity is None:
            with suppress(ValueError):
                value = tensor.array
        return Spec(tensor.shape or (), tensor.type, tensor.quantization, value, tensor.is_variable, tensor.name)

    inputs = tuple(spec(index, f"inputs[{i}]") for i, index in enumerate(node.inputs))
    outputs = tuple(spec(index, f"outputs[{i}]") for i, index in enumerate(node.outputs))
    intermediates = tuple(spec(index, f"intermediates[{i}]") for i, index in enumerate(node.intermediates or ()))
    return Specs(inputs, tuple(part for part in outputs if part is not None), intermediates)
