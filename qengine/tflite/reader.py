"""From the bytes of a `.tflite` file to a Model. Whatever the bytes are: a Model or a ModelError."""

from __future__ import annotations

from typing import Any

from ..errors import ModelError
from ..model import Buffer, External, Graph, Metadata, Model, Node, Signature, Tensor, TensorType, VariantSubtype
from ..op import CustomOp, Op
from . import schema
from .appended import appended
from .flat import Flat
from .members import member
from .options import UNIONS, read_options
from .quantization import read_quantization
from .sparsity import read_sparsity


def read(data: memoryview) -> Model:
    """The model in a file's bytes; its constants are views of them."""
    return Reader(Flat(data)).model()


class Reader:
    """Reads one file. A buffer becomes one Buffer, so that tensors which share an index share the object."""

    def __init__(self, flat: Flat) -> None:
        self.flat = flat
        self.buffers: list[Buffer | None] = []
        self.externals: dict[int, External] = {}
        self.codes: list[tuple[int, str | None, int]] = []
        self.used: set[int] = set()
        self.used_externals: set[int] = set()

    def model(self) -> Model:
        flat = self.flat
        identifier = bytes(flat.data[4:8])
        if identifier != schema.IDENTIFIER:
            raise ModelError(f"expected a file with the identifier {schema.IDENTIFIER!r}, got {identifier!r}")
        root = flat.read("Model", flat.root(), "$")
        if root["version"] != schema.VERSION:
            raise ModelError(f"expected schema version {schema.VERSION}, got {root['version']}", "$.version")
        for needed in ("subgraphs", "buffers"):
            if root[needed] is None:
                raise ModelError(f"expected {needed}, got none", f"$.{needed}")
        self.buffers = flat.each(root["buffers"], "$.buffers", self._buffer)
        self._read_externals(root)
        self.codes = flat.each(root["operator_codes"] or [], "$.operator_codes", self._code)
        graphs = tuple(flat.each(root["subgraphs"], "$.subgraphs", self._graph))
        signatures, metadata, older = root["signature_defs"], root["metadata"], root["metadata_buffer"]
        return Model(
            graphs=graphs,
            description=root["description"],
            signatures=None
            if signatures is None
            else tuple(flat.each(signatures, "$.signature_defs", self._signature)),
            metadata=None if metadata is None else tuple(flat.each(metadata, "$.metadata", self._metadata)),
            metadata_buffers=None if older is None else tuple(flat.each(older, "$.metadata_buffer", self._shared)),
            unreferenced=self._unreferenced(),
            appended=appended(flat.data, flat.end),
            unknown=tuple(flat.unknown),
        )

    # --- bytes

    def _buffer(self, at: int, where: str) -> Buffer | None:
        """None for a buffer without a vector of bytes, which is what tensors that are computed have."""
        values = self.flat.read("Buffer", at, where)
        if values["data"] is not None:
            return Buffer(values["data"])
        return self._behind(values["offset"], values["size"], where)

    def _behind(self, offset: int, size: int, where: str) -> Buffer | None:
        """Bytes behind the tables, as in files over 2 GB; offsets 0 and 1 say that there are none."""
        return Buffer(self.flat.slice(offset, size, where)) if offset > 1 else None

    def _shared(self, index: int, where: str) -> Buffer | None:
        if not 0 <= index < len(self.buffers):
            raise ModelError(f"expected the index of one of {len(self.buffers)} buffers, got {index}", where)
        self.used.add(index)
        return self.buffers[index]

    def _read_externals(self, root: dict[str, Any]) -> None:
        """ExternalBuffer tables by their id, which tensors refer to."""

        def group(at: int, where: str) -> str:
            name: str | None = self.flat.read("ExternalBufferGroup", at, where)["name"]
            if name is None:
                raise ModelError("expected the name of a file, got none", f"{where}.name")
            return name

        def external(at: int, where: str) -> External:
            values = self.flat.read("ExternalBuffer", at, where)
            index, identity = values["group"], values["id"]
            if index >= len(groups):
                raise ModelError(f"expected the index of one of {len(groups)} groups, got {index}", f"{where}.group")
            if identity == 0 or identity in self.externals:
                raise ModelError(f"expected an id of its own above 0, got {identity}", f"{where}.id")
            found = External(groups[index], values["offset"], values["length"], values["packing"])
            self.externals[identity] = found
            return found

        groups = self.flat.each(root["external_buffer_groups"] or [], "$.external_buffer_groups", group)
        self.flat.each(root["external_buffers"] or [], "$.external_buffers", external)

    def _unreferenced(self) -> tuple[Buffer | External, ...]:
        buffers = [buffer for i, buffer in enumerate(self.buffers) if buffer is not None and i not in self.used]
        return (*buffers, *[external for i, external in self.externals.items() if i not in self.used_externals])

    # --- graphs

    def _graph(self, at: int, where: str) -> Graph:
        values = self.flat.read("SubGraph", at, where)
        if values["tensors"] is None:
            raise ModelError("expected tensors, got none", f"{where}.tensors")
        return Graph(
            tensors=tuple(self.flat.each(values["tensors"], f"{where}.tensors", self._tensor)),
            nodes=tuple(self.flat.each(values["operators"] or [], f"{where}.operators", self._node)),
            inputs=values["inputs"] or (),
            outputs=values["outputs"] or (),
            name=values["name"],
            debug_metadata_index=values["debug_metadata_index"],
        )

    def _tensor(self, at: int, where: str) -> Tensor:
        values = self.flat.read("Tensor", at, where)
        quantization, sparsity, variants = values["quantization"], values["sparsity"], values["variant_tensors"]
        variant = self._variant
        return Tensor(
            name=values["name"],
            shape=values["shape"],
            type=member(TensorType, values["type"], f"{where}.type"),
            data=self._data(values["buffer"], values["external_buffer"], where),
            quantization=None
            if quantization is None
            else read_quantization(self.flat, quantization, f"{where}.quantization"),
            shape_signature=values["shape_signature"],
            is_variable=values["is_variable"],
            sparsity=None if sparsity is None else read_sparsity(self.flat, sparsity, f"{where}.sparsity"),
            has_rank=values["has_rank"],
            variants=None if variants is None else tuple(self.flat.each(variants, f"{where}.variant_tensors", variant)),
        )

    def _data(self, index: int, identity: int, where: str) -> Buffer | External | None:
        """The bytes of a tensor: of buffer `index`, or of the external buffer with that id; 0 stands for none."""
        data = None if index == 0 else self._shared(index, f"{where}.buffer")
        if identity == 0:
            return data
        if data is not None:
            raise ModelError("expected a buffer or an external buffer, got both", f"{where}.external_buffer")
        external = self.externals.get(identity)
        if external is None:
            raise ModelError(
                f"expected the id of one of {len(self.externals)} external buffers, got {identity}",
                f"{where}.external_buffer",
            )
        self.used_externals.add(identity)
        return external

    def _variant(self, at: int, where: str) -> VariantSubtype:
        values = self.flat.read("VariantSubType", at, where)
        return VariantSubtype(values["shape"], member(TensorType, values["type"], f"{where}.type"), values["has_rank"])

    # --- operators

    def _code(self, at: int, where: str) -> tuple[int, str | None, int]:
        """Code, custom code and version. The code is the larger of two fields, the older of which ends at 127."""
        values = self.flat.read("OperatorCode", at, where)
        code = max(values["builtin_code"], values["deprecated_builtin_code"])
        custom = values["custom_code"]
        if code == schema.CUSTOM and custom is None:
            raise ModelError("expected the name of a custom operator, got none", f"{where}.custom_code")
        if code != schema.CUSTOM and custom:
            self.flat.unknown.append(f"{where}.custom_code: {custom!r} of a builtin operator")
        return code, custom, values["version"]

    def _node(self, at: int, where: str) -> Node:
        values = self.flat.read("Operator", at, where)
        index, known = values["opcode_index"], len(self.codes)
        if index >= known:
            raise ModelError(
                f"expected the index of one of {known} operator codes, got {index}", f"{where}.opcode_index"
            )
        code, custom, version = self.codes[index]
        if values["custom_options_format"] != 0:
            self.flat.unknown.append(f"{where}.custom_options_format: {values['custom_options_format']}")
        if code != schema.CUSTOM and values["custom_options"] is not None:
            self.flat.unknown.append(f"{where}.custom_options: of a builtin operator")
        op: Op
        if code == schema.CUSTOM and custom is not None:
            op, ignored = self._custom(custom, values, where), None
        else:
            op, ignored = read_options(self.flat, code, values, where)
        return Node(
            op=op,
            inputs=values["inputs"] or (),
            outputs=values["outputs"] or (),
            intermediates=values["intermediates"],
            version=version,
            mutating_variable_inputs=values["mutating_variable_inputs"],
            debug_metadata_index=values["debug_metadata_index"],
            ignored=ignored,
        )

    def _custom(self, name: str, values: dict[str, Any], where: str) -> CustomOp:
        for _, field, place in UNIONS:
            if values[f"{field}_type"] != 0:
                self.flat.unknown.append(f"{where}.{place}: of a custom operator")
        if values["custom_options"] is not None:
            return CustomOp(name, Buffer(values["custom_options"]))
        place = f"{where}.large_custom_options_offset"
        large = self._behind(values["large_custom_options_offset"], values["large_custom_options_size"], place)
        return CustomOp(name, large, large_options=large is not None)

    # --- names for what the graphs hold

    def _signature(self, at: int, where: str) -> Signature:
        values = self.flat.read("SignatureDef", at, where)
        return Signature(
            values["signature_key"],
            tuple(self.flat.each(values["inputs"] or [], f"{where}.inputs", self._argument)),
            tuple(self.flat.each(values["outputs"] or [], f"{where}.outputs", self._argument)),
            values["subgraph_index"],
        )

    def _argument(self, at: int, where: str) -> tuple[str, int]:
        values = self.flat.read("TensorMap", at, where)
        if values["name"] is None:
            raise ModelError("expected the name of an argument, got none", f"{where}.name")
        return values["name"], values["tensor_index"]

    def _metadata(self, at: int, where: str) -> Metadata:
        values = self.flat.read("Metadata", at, where)
        return Metadata(values["name"], self._shared(values["buffer"], f"{where}.buffer"))
