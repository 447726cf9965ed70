"""From a Model to the bytes of a `.tflite` file."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from ..errors import ModelError
from ..model import Buffer, External, Graph, Metadata, Model, Node, Signature, Tensor, VariantSubtype
from ..op import CustomOp, Spec, Specs
from . import schema
from .options import UNIONS, code_of, put_options
from .put import At, Behind, Put
from .quantization import put_quantization
from .replacing import replace
from .sparsity import put_sparsity

LIMIT = 2**31 - 1
"""The most bytes that a FlatBuffer's own offsets may span."""


def to_bytes(model: Model, *, limit: int = LIMIT) -> bytes:
    """The file of a model, the same bytes for equal models whose tensors share buffers alike.

    Constants are aligned to 16 bytes. Where the file would pass `limit` bytes they lie behind the tables, found by
    `Buffer.offset`. A node without a version gets the smallest that its operator allows. ModelError where the schema
    can't say what the model says.
    """
    return b"".join(pieces(model, limit))


def save(model: Model, path: str | os.PathLike[str], *, limit: int = LIMIT) -> None:
    """Writes `to_bytes(model, limit=limit)` to a file."""
    replace(path, pieces(model, limit))


def pieces(model: Model, limit: int = LIMIT) -> list[bytes | memoryview]:
    """The file in pieces; those of constants are the model's own bytes."""
    if model.unknown:
        raise ModelError(f"expected a model that the schema can say, got one that also has {model.unknown[0]}")
    writer = Writer(model, detached=False, base=LIMIT)
    if len(writer.tables) + writer.behind.length > limit:
        writer = Writer(model, detached=True, base=LIMIT)
    if writer.by_offset:
        # The tables' length depends on there being offsets, not on their values.
        writer = Writer(model, detached=writer.detached, base=len(writer.tables))
    appended = [] if model.appended is None else [_view(model.appended)]
    return [writer.tables, *writer.behind.pieces, *appended]


class Writer:
    """Writes one model's tables, and gathers the constants behind them.

    detached: whether constants are found by an offset from the start of the file. base: how many bytes the tables take,
    which such offsets add. Buffers that are one object share an index, and so do equal operator codes.
    """

    def __init__(self, model: Model, *, detached: bool, base: int) -> None:
        self.detached = detached
        self.base = base
        self.by_offset = False
        self.put = Put()
        self.behind = Behind()
        self.buffers: dict[int, int] = {}
        self.buffer_tables = [self.put.table("Buffer", "$.buffers[0]", data=None, offset=0, size=0)]
        self.externals: dict[int, tuple[int, External]] = {}
        self.codes: dict[tuple[int, str | None, int], int] = {}
        self.tables = self.put.finish(self._model(model))

    def _model(self, model: Model) -> At:
        each = self.put.each
        graphs = each(model.graphs, "$.subgraphs", self._graph)
        signatures = each(model.signatures, "$.signature_defs", self._signature)
        metadata = each(model.metadata, "$.metadata", self._metadata)
        older = None if model.metadata_buffers is None else [self._buffer(part) for part in model.metadata_buffers]
        for part in model.unreferenced:
            if isinstance(part, External):
                self._external(part)
            else:
                self._buffer(part)
        groups, externals = self._external_tables()
        return self.put.table(
            "Model",
            "$",
            version=schema.VERSION,
            operator_codes=each(list(self.codes), "$.operator_codes", self._code),
            subgraphs=graphs,
            description=model.description,
            buffers=self.buffer_tables,
            metadata_buffer=older,
            metadata=metadata,
            signature_defs=signatures,
            external_buffer_groups=groups,
            external_buffers=externals,
        )

    # --- bytes

    def _buffer(self, buffer: Buffer | None) -> int:
        """The index of a buffer, written when it is met first; 0 for none."""
        if buffer is None:
            return 0
        index = self.buffers.setdefault(id(buffer), len(self.buffer_tables))
        if index == len(self.buffer_tables):
            data = _view(buffer)
            if self.detached and len(data) > 0:
                values: dict[str, Any] = {"data": None, "offset": self._offset(data), "size": len(data)}
            else:
                values = {"data": self.behind.vector(data), "offset": 0, "size": 0}
            self.buffer_tables.append(self.put.table("Buffer", f"$.buffers[{index}]", **values))
        return index

    def _offset(self, data: memoryview) -> int:
        self.by_offset = True
        return self.base + self.behind.plain(data)

    def _external(self, external: External) -> int:
        """The id of external data, from 1 on: 0 says that there is none."""
        return self.externals.setdefault(id(external), (len(self.externals) + 1, external))[0]

    def _external_tables(self) -> tuple[list[At] | None, list[At] | None]:
        def group(name: str, where: str) -> At:
            return self.put.table("ExternalBufferGroup", where, name=name)

        def table(numbered: tuple[int, External], where: str) -> At:
            identity, external = numbered
            return self.put.table(
                "ExternalBuffer",
                where,
                id=identity,
                group=groups[external.group],
                offset=external.offset,
                length=external.length,
                packing=external.packing,
            )

        if not self.externals:
            return None, None
        groups: dict[str, int] = {}
        for _, external in self.externals.values():
            groups.setdefault(external.group, len(groups))
        return (
            self.put.each(list(groups), "$.external_buffer_groups", group),
            self.put.each(list(self.externals.values()), "$.external_buffers", table),
        )

    # --- graphs

    def _graph(self, graph: Graph, where: str) -> At:
        def node(part: Node, where: str) -> At:
            return self._node(graph, part, where)

        return self.put.table(
            "SubGraph",
            where,
            tensors=self.put.each(graph.tensors, f"{where}.tensors", self._tensor),
            inputs=graph.inputs,
            outputs=graph.outputs,
            operators=self.put.each(graph.nodes, f"{where}.operators", node),
            name=graph.name,
            debug_metadata_index=graph.debug_metadata_index,
        )

    def _tensor(self, tensor: Tensor, where: str) -> At:
        data, quantization, sparsity = tensor.data, tensor.quantization, tensor.sparsity
        return self.put.table(
            "Tensor",
            where,
            shape=tensor.shape,
            type=tensor.type,
            buffer=0 if isinstance(data, External) else self._buffer(data),
            name=tensor.name,
            quantization=None
            if quantization is None
            else put_quantization(self.put, quantization, f"{where}.quantization"),
            is_variable=tensor.is_variable,
            sparsity=None if sparsity is None else put_sparsity(self.put, sparsity, f"{where}.sparsity"),
            shape_signature=tensor.shape_signature,
            has_rank=tensor.has_rank,
            variant_tensors=self.put.each(tensor.variants, f"{where}.variant_tensors", self._variant),
            external_buffer=self._external(data) if isinstance(data, External) else 0,
        )

    def _variant(self, variant: VariantSubtype, where: str) -> At:
        return self.put.table(
            "VariantSubType", where, shape=variant.shape, type=variant.type, has_rank=variant.has_rank
        )

    # --- operators

    def _node(self, graph: Graph, node: Node, where: str) -> At:
        op = node.op
        custom = op.custom_code if isinstance(op, CustomOp) else None
        code = schema.CUSTOM if custom is not None else code_of(op, where)
        version = node.version if node.version is not None else op.version(_specs(graph, node, where))
        values: dict[str, Any] = {
            "custom_options": None,
            "custom_options_format": 0,
            "large_custom_options_offset": 0,
            "large_custom_options_size": 0,
        }
        for _, field, _ in UNIONS:
            values |= {f"{field}_type": 0, field: None}
        values |= self._custom_options(op) if isinstance(op, CustomOp) else put_options(self.put, node, where)
        return self.put.table(
            "Operator",
            where,
            opcode_index=self.codes.setdefault((code, custom, version), len(self.codes)),
            inputs=node.inputs,
            outputs=node.outputs,
            mutating_variable_inputs=node.mutating_variable_inputs,
            intermediates=node.intermediates,
            debug_metadata_index=node.debug_metadata_index,
            **values,
        )

    def _custom_options(self, op: CustomOp) -> dict[str, Any]:
        if op.options is None:
            return {}
        data = _view(op.options)
        if op.large_options:
            return {"large_custom_options_offset": self._offset(data), "large_custom_options_size": len(data)}
        return {"custom_options": data}

    def _code(self, key: tuple[int, str | None, int], where: str) -> At:
        code, custom, version = key
        return self.put.table(
            "OperatorCode",
            where,
            deprecated_builtin_code=min(code, schema.PLACEHOLDER_FOR_GREATER_OP_CODES),
            custom_code=custom,
            version=version,
            builtin_code=code,
        )

    # --- names for what the graphs hold

    def _signature(self, signature: Signature, where: str) -> At:
        return self.put.table(
            "SignatureDef",
            where,
            inputs=self.put.each(signature.inputs, f"{where}.inputs", self._argument),
            outputs=self.put.each(signature.outputs, f"{where}.outputs", self._argument),
            signature_key=signature.key,
            subgraph_index=signature.graph,
        )

    def _argument(self, argument: tuple[str, int], where: str) -> At:
        name, index = argument
        return self.put.table("TensorMap", where, name=name, tensor_index=index)

    def _metadata(self, metadata: Metadata, where: str) -> At:
        return self.put.table("Metadata", where, name=metadata.name, buffer=self._buffer(metadata.data))


def _view(buffer: Buffer) -> memoryview:
    """The bytes of a buffer one by one, whatever it is a view of."""
    view = memoryview(buffer.data)
    return view.cast("B") if view.c_contiguous and view.nbytes else memoryview(view.tobytes())


def _specs(graph: Graph, node: Node, where: str) -> Specs:
    """The operands of a node, as its operator's rule for the version asks for them."""

    def spec(index: int, where: str) -> Spec | None:
        if index == -1:
            return None
        if not 0 <= index < len(graph.tensors):
            raise ModelError(f"expected the index of one of {len(graph.tensors)} tensors, got {index}", where)
        tensor = graph.tensors[index]
        value = None
        if isinstance(tensor.data, Buffer) and tensor.sparsity is None:
            with suppress(ValueError):
                value = tensor.array
        return Spec(tensor.shape or (), tensor.type, tensor.quantization, value, tensor.is_variable, tensor.name)

    def specs(indices: tuple[int, ...], where: str) -> list[Spec | None]:
        return [spec(index, f"{where}[{i}]") for i, index in enumerate(indices)]

    return Specs(
        tuple(specs(node.inputs, f"{where}.inputs")),
        tuple(part for part in specs(node.outputs, f"{where}.outputs") if part is not None),
        tuple(specs(node.intermediates or (), f"{where}.intermediates")),
    )
