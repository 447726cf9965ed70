"""From the bytes of a `.tflite` file to a Model. Whatever the bytes are: a Model or a ModelError."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
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
    DimensionType,
    External,
    Graph,
    Metadata,
    Model,
    MultiAxis,
    Node,
    Quantization,
    Signature,
    Sparsity,
    Tensor,
    TensorType,
    VariantSubtype,
)
from ..op import CustomOp, Op
from . import options, schema
from .appended import appended
from .flat import Flat

_Part = TypeVar("_Part")


def load(path_or_bytes: str | os.PathLike[str] | bytes | bytearray | memoryview) -> Model:
    """The model in a file, or in bytes that hold one.

    A file is mapped into memory and its constants are views of it: it must not be changed while the model is in use
    (`save` replaces files, which is safe). ModelError says what was expected, what came, and where.
    """
    if isinstance(path_or_bytes, bytes | bytearray | memoryview):
        data = memoryview(path_or_bytes)
        if not data.readonly:
            data = memoryview(bytes(data))
        return Reader(data.cast("B")).model()
    path = Path(path_or_bytes)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            view = memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b"")
    except (OSError, ValueError) as error:
        raise ModelError(f"expected a readable file, got {error}", str(path)) from error
    return Reader(view).model()


class Reader:
    """Reads one file. Buffers are made once an index, so that tensors which share an index share a Buffer."""

    def __init__(self, data: memoryview) -> None:
        self.flat = Flat(data)
        self.buffers: list[Buffer | None] = []
        self.externals: dict[int, External] = {}
        self.used: set[int] = set()
        self.used_externals: set[int] = set()
        self.codes: list[tuple[int, str | None, int]] = []

    def model(self) -> Model:
        flat = self.flat
        if flat.size < 8 or bytes(flat.data[4:8]) != schema.IDENTIFIER:
            got = bytes(flat.data[4:8])
            raise ModelError(
                f"expected a file with the identifier {schema.IDENTIFIER!r}, got {got!r} in {flat.size} bytes"
            )
        root = flat.read(flat.root(), schema.layout("Model"), "$")
        if root["version"] != schema.VERSION:
            raise ModelError(f"expected schema version {schema.VERSION}, got {root['version']}", "$.version")
        for needed in ("subgraphs", "buffers"):
            if root[needed] is None:
                raise ModelError(f"expected {needed}, got none", f"$.{needed}")
        self.buffers = self._each(root["buffers"], "$.buffers", self._buffer)
        self._externals(root)
        self.codes = self._each(root["operator_codes"] or [], "$.operator_codes", self._code)
        graphs = tuple(self._each(root["subgraphs"], "$.subgraphs", self._graph))
        signatures, metadata = root["signature_defs"], root["metadata"]
        return Model(
            graphs=graphs,
            description=root["description"],
            signatures=None
            if signatures is None
            else tuple(self._each(signatures, "$.signature_defs", self._signature)),
            metadata=None if metadata is None else tuple(self._each(metadata, "$.metadata", self._metadata)),
            metadata_buffers=self._metadata_buffers(root["metadata_buffer"]),
            unreferenced=self._unreferenced(),
            appended=appended(flat.data, flat.end),
            unknown=tuple(flat.unknown),
        )

    @staticmethod
    def _each(positions: list[int], where: str, read: Callable[[int, str], _Part]) -> list[_Part]:
        return [read(at, f"{where}[{i}]") for i, at in enumerate(positions)]

    # --- bytes

    def _buffer(self, at: int, where: str) -> Buffer | None:
        """None for a buffer without a vector of bytes, which is what tensors that are computed have."""
        values = self.flat.read(at, schema.layout("Buffer"), where)
        if values["data"] is not None:
            return Buffer(values["data"])
        return self._behind(values["offset"], values["size"], where)

    def _behind(self, offset: int, size: int, where: str) -> Buffer | None:
        """Bytes behind the tables, for files over 2 GB; offsets 0 and 1 say that there are none."""
        return Buffer(self.flat.slice(offset, size, where)) if offset > 1 else None

    def _use(self, index: int, where: str) -> Buffer | None:
        if not 0 <= index < len(self.buffers):
            raise ModelError(f"expected the index of one of {len(self.buffers)} buffers, got {index}", where)
        self.used.add(index)
        return self.buffers[index]

    def _externals(self, root: dict[str, Any]) -> None:
        """ExternalBuffer tables by id; tensors refer to them so."""
        groups = [
            self.flat.read(at, schema.layout("ExternalBufferGroup"), f"$.external_buffer_groups[{i}]")["name"]
            for i, at in enumerate(root["external_buffer_groups"] or [])
        ]
        for i, at in enumerate(root["external_buffers"] or []):
            where = f"$.external_buffers[{i}]"
            values = self.flat.read(at, schema.layout("ExternalBuffer"), where)
            index = values["group"]
            if index >= len(groups) or groups[index] is None:
                raise ModelError(
                    f"expected the index of one of {len(groups)} named groups, got {index}", f"{where}.group"
                )
            if values["id"] == 0 or values["id"] in self.externals:
                raise ModelError(f"expected an id of its own above 0, got {values['id']}", f"{where}.id")
            self.externals[values["id"]] = External(
                groups[index], values["offset"], values["length"], values["packing"]
            )

    def _unreferenced(self) -> tuple[Buffer | External, ...]:
        buffers = [buffer for i, buffer in enumerate(self.buffers) if buffer is not None and i not in self.used]
        return (*buffers, *[external for i, external in self.externals.items() if i not in self.used_externals])

    # --- graphs

    def _graph(self, at: int, where: str) -> Graph:
        values = self.flat.read(at, schema.layout("SubGraph"), where)
        if values["tensors"] is None:
            raise ModelError("expected tensors, got none", f"{where}.tensors")
        return Graph(
            tensors=tuple(self._each(values["tensors"], f"{where}.tensors", self._tensor)),
            nodes=tuple(self._each(values["operators"] or [], f"{where}.operators", self._node)),
            inputs=values["inputs"] or (),
            outputs=values["outputs"] or (),
            name=values["name"],
            debug_metadata_index=values["debug_metadata_index"],
        )

    def _tensor(self, at: int, where: str) -> Tensor:
        values = self.flat.read(at, schema.layout("Tensor"), where)
        data: Buffer | External | None = None
        if values["buffer"] != 0:
            data = self._use(values["buffer"], f"{where}.buffer")
        if values["external_buffer"] != 0:
            data = self._external(values["external_buffer"], data, f"{where}.external_buffer")
        quantization, sparsity, variants = values["quantization"], values["sparsity"], values["variant_tensors"]
        return Tensor(
            name=values["name"],
            shape=values["shape"],
            type=_member(TensorType, values["type"], f"{where}.type"),
            data=data,
            quantization=None if quantization is None else self._quantization(quantization, f"{where}.quantization"),
            shape_signature=values["shape_signature"],
            is_variable=values["is_variable"],
            sparsity=None if sparsity is None else self._sparsity(sparsity, f"{where}.sparsity"),
            has_rank=values["has_rank"],
            variants=None
            if variants is None
            else tuple(self._each(variants, f"{where}.variant_tensors", self._variant)),
        )

    def _external(self, index: int, data: Buffer | None, where: str) -> External:
        if data is not None:
            raise ModelError("expected a buffer or an external buffer, got both", where)
        if index not in self.externals:
            raise ModelError(f"expected the id of one of {len(self.externals)} external buffers, got {index}", where)
        self.used_externals.add(index)
        return self.externals[index]

    def _variant(self, at: int, where: str) -> VariantSubtype:
        values = self.flat.read(at, schema.layout("VariantSubType"), where)
        return VariantSubtype(values["shape"], _member(TensorType, values["type"], f"{where}.type"), values["has_rank"])

    def _quantization(self, at: int, where: str) -> Quantization:
        values = self.flat.read(at, schema.layout("QuantizationParameters"), where, arrays=True)
        return Quantization(
            scale=values["scale"],
            zero_point=values["zero_point"],
            axis=values["quantized_dimension"],
            low=values["min"],
            high=values["max"],
            details=self._details(values, f"{where}.details"),
        )

    def _details(self, values: dict[str, Any], where: str) -> Blockwise | MultiAxis | CustomQuantization | None:
        table = self._member_of("QuantizationDetails", values["details_type"], values["details"], where)
        if table is None:
            return None
        details = self.flat.read(values["details"], schema.layout(table), where)
        if table == "CustomQuantization":
            custom = details["custom"]
            return CustomQuantization(None if custom is None else bytes(custom))
        return Blockwise(**details) if table == "BlockwiseQuantization" else MultiAxis(**details)

    def _member_of(self, union: str, kind: int, at: int | None, where: str) -> str | None:
        """The table that a union holds, None for none; one that the schema doesn't have is noted as unknown."""
        if kind == 0 or at is None:
            return None
        table = schema.names(union).get(kind)
        if table is None:
            self.flat.unknown.append(f"{where}: {union} {kind}")
        return table

    def _sparsity(self, at: int, where: str) -> Sparsity:
        values = self.flat.read(at, schema.layout("SparsityParameters"), where)
        dimensions = values["dim_metadata"]
        return Sparsity(
            values["traversal_order"],
            values["block_map"],
            None if dimensions is None else tuple(self._each(dimensions, f"{where}.dim_metadata", self._dimension)),
        )

    def _dimension(self, at: int, where: str) -> Dimension:
        values = self.flat.read(at, schema.layout("DimensionMetadata"), where)
        return Dimension(
            _member(DimensionType, values["format"], f"{where}.format"),
            values["dense_size"],
            self._indices(values["array_segments_type"], values["array_segments"], f"{where}.array_segments"),
            self._indices(values["array_indices_type"], values["array_indices"], f"{where}.array_indices"),
        )

    def _indices(self, kind: int, at: int | None, where: str) -> NDArray[np.generic] | None:
        table = self._member_of("SparseIndexVector", kind, at, where)
        if table is None or at is None:
            return None
        values = self.flat.read(at, schema.layout(table), where, arrays=True)["values"]
        if table == "Uint8Vector" and values is not None:
            return np.frombuffer(bytes(values), np.uint8)
        found: NDArray[np.generic] | None = values
        return found

    # --- operators

    def _code(self, at: int, where: str) -> tuple[int, str | None, int]:
        """Code, custom code and version. The code is the larger of two fields, the older of which holds no more than
        127; a file sets either or both."""
        values = self.flat.read(at, schema.layout("OperatorCode"), where)
        code = max(values["builtin_code"], values["deprecated_builtin_code"])
        custom = values["custom_code"]
        if code == schema.CUSTOM and custom is None:
            raise ModelError("expected the name of a custom operator, got none", f"{where}.custom_code")
        if code != schema.CUSTOM and custom:
            self.flat.unknown.append(f"{where}.custom_code: {custom!r} of a builtin operator")
        return code, custom, values["version"]

    def _node(self, at: int, where: str) -> Node:
        values = self.flat.read(at, schema.layout("Operator"), where)
        index = values["opcode_index"]
        if index >= len(self.codes):
            raise ModelError(
                f"expected the index of one of {len(self.codes)} operator codes, got {index}", f"{where}.opcode_index"
            )
        code, custom, version = self.codes[index]
        return Node(
            op=self._builtin(code, values, where)
            if code != schema.CUSTOM
            else self._custom(custom or "", values, where),
            inputs=values["inputs"] or (),
            outputs=values["outputs"] or (),
            intermediates=values["intermediates"],
            version=version,
            mutating_variable_inputs=values["mutating_variable_inputs"],
            debug_metadata_index=values["debug_metadata_index"],
        )

    def _custom(self, name: str, values: dict[str, Any], where: str) -> CustomOp:
        for union in ("builtin_options", "builtin_options2"):
            if values[f"{union}_type"] != 0:
                self.flat.unknown.append(f"{where}.{union}: options of a builtin operator for a custom one")
        if values["custom_options_format"] != 0:
            self.flat.unknown.append(f"{where}.custom_options_format: {values['custom_options_format']}")
        if values["custom_options"] is not None:
            return CustomOp(name, Buffer(values["custom_options"]))
        place = f"{where}.large_custom_options_offset"
        large = self._behind(values["large_custom_options_offset"], values["large_custom_options_size"], place)
        return CustomOp(name, large, large_options=large is not None)

    def _builtin(self, code: int, values: dict[str, Any], where: str) -> Op:
        name = schema.names("BuiltinOperator").get(code, f"UNKNOWN_{code}")
        if values["custom_options"] is not None:
            self.flat.unknown.append(f"{where}.custom_options: of a builtin operator")
        second = values["builtin_options2_type"] != 0
        if second and values["builtin_options_type"] != 0:
            self.flat.unknown.append(f"{where}.builtin_options: a second table")
        field = "builtin_options2" if second else "builtin_options"
        union = "BuiltinOptions2" if second else "BuiltinOptions"
        place = f"{where}.{'builtin_options_2' if second else field}"
        table = self._member_of(union, values[f"{field}_type"], values[field], place)
        fields = None if table is None else self.flat.read(values[field], schema.layout(table), place)
        if table is not None and (table, second) != schema.table_of(name) and options.has_file(name):
            self.flat.unknown.append(f"{place}: {table} for {name}")
            fields = None
        op = options.operator(name, fields, place)
        return options.unknown(code, name, table, fields, second) if op is None else op

    # --- names for what the graphs hold

    def _signature(self, at: int, where: str) -> Signature:
        values = self.flat.read(at, schema.layout("SignatureDef"), where)
        return Signature(
            values["signature_key"],
            tuple(self._each(values["inputs"] or [], f"{where}.inputs", self._argument)),
            tuple(self._each(values["outputs"] or [], f"{where}.outputs", self._argument)),
            values["subgraph_index"],
        )

    def _argument(self, at: int, where: str) -> tuple[str, int]:
        values = self.flat.read(at, schema.layout("TensorMap"), where)
        if values["name"] is None:
            raise ModelError("expected the name of an argument, got none", f"{where}.name")
        return values["name"], values["tensor_index"]

    def _metadata(self, at: int, where: str) -> Metadata:
        values = self.flat.read(at, schema.layout("Metadata"), where)
        return Metadata(values["name"], self._use(values["buffer"], f"{where}.buffer"))

    def _metadata_buffers(self, indices: tuple[int, ...] | None) -> tuple[Buffer | None, ...] | None:
        if indices is None:
            return None
        return tuple(self._use(index, f"$.metadata_buffer[{i}]") for i, index in enumerate(indices))


def _member(enumeration: type[Any], value: int, where: str) -> Any:
    try:
        return enumeration(value)
    except ValueError:
        known = f"{min(enumeration)} to {max(enumeration)}"
        raise ModelError(f"expected a {enumeration.__name__} ({known}), got {value}", where) from None
