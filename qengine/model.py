"""The in-memory model: what a `.tflite` file says, as frozen values. Knows neither format nor arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .value import Value

if TYPE_CHECKING:
    from .op import Op


class TensorType(IntEnum):
    """Element types, by the schema's names and codes."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18
    INT2 = 19
    UINT4 = 20
    FLOAT8_E4M3FN = 21
    FLOAT8_E5M2 = 22

    @property
    def bits(self) -> int:
        """Bits of one element in a file; 0 where elements have no fixed size (strings, resources, variants)."""
        return _BITS[self]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type in which elements are computed: int8 for INT4 and INT2, uint8 for UINT4, uint16 bits for
        BFLOAT16, uint8 bits for FLOAT8, objects (bytes) for strings."""
        return _DTYPES[self]


_DTYPES: dict[TensorType, np.dtype[Any]] = {
    TensorType.FLOAT32: np.dtype(np.float32),
    TensorType.FLOAT16: np.dtype(np.float16),
    TensorType.INT32: np.dtype(np.int32),
    TensorType.UINT8: np.dtype(np.uint8),
    TensorType.INT64: np.dtype(np.int64),
    TensorType.STRING: np.dtype(object),
    TensorType.BOOL: np.dtype(np.bool_),
    TensorType.INT16: np.dtype(np.int16),
    TensorType.COMPLEX64: np.dtype(np.complex64),
    TensorType.INT8: np.dtype(np.int8),
    TensorType.FLOAT64: np.dtype(np.float64),
    TensorType.COMPLEX128: np.dtype(np.complex128),
    TensorType.UINT64: np.dtype(np.uint64),
    TensorType.RESOURCE: np.dtype(object),
    TensorType.VARIANT: np.dtype(object),
    TensorType.UINT32: np.dtype(np.uint32),
    TensorType.UINT16: np.dtype(np.uint16),
    TensorType.INT4: np.dtype(np.int8),
    TensorType.BFLOAT16: np.dtype(np.uint16),
    TensorType.INT2: np.dtype(np.int8),
    TensorType.UINT4: np.dtype(np.uint8),
    TensorType.FLOAT8_E4M3FN: np.dtype(np.uint8),
    TensorType.FLOAT8_E5M2: np.dtype(np.uint8),
}
_BITS = {type_: 0 if dtype.hasobject else dtype.itemsize * 8 for type_, dtype in _DTYPES.items()}
_BITS |= {TensorType.INT4: 4, TensorType.UINT4: 4, TensorType.INT2: 2}

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Buffer(Value):
    """Immutable bytes of a constant or of metadata, viewed, not copied. Equal when the bytes are."""

    data: bytes | memoryview

    def identity(self) -> object:
        return (Buffer, bytes(self.data))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Buffer) and self.data == other.data)

    def __hash__(self) -> int:
        return hash(self.identity())

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"Buffer({len(self.data)} bytes)"


@dataclass(frozen=True, eq=False)
class External(Value):
    """Constant bytes kept in another file: `length` bytes from byte `offset` of the file that `group` names."""

    group: str
    offset: int
    length: int
    packing: str | None = None


@dataclass(frozen=True, eq=False)
class Blockwise(Value):
    """One scale (and zero point) a block of `block_size` elements along the last axis; tensor indices, -1 absent."""

    scales: int
    zero_points: int = -1
    block_size: int = 0
    block_shape: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class MultiAxis(Value):
    """Scales along several axes; `scales` and `zero_points` are tensor indices, -1 absent; block_size 0: no blocks."""

    scales: int
    zero_points: int = -1
    block_size: int = 0
    quantized_dimensions: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class CustomQuantization(Value):
    """Quantization of a kind that only its writer knows."""

    custom: bytes | None


@dataclass(frozen=True, eq=False)
class Quantization(Value):
    """real = scale * (q - zero_point), one pair or one for every index along `axis` (TFLite's quantized_dimension).

    scale: float32 (n,); zero_point: int64 (n,), n being 1 or shape[axis]. low and high are the calibrated range that
    some converters leave (schema: min, max). None where the file has no such vector. Arrays are read-only.
    """

    scale: NDArray[np.float32] | None = None
    zero_point: NDArray[np.int64] | None = None
    axis: int = 0
    low: NDArray[np.float32] | None = None
    high: NDArray[np.float32] | None = None
    details: Blockwise | MultiAxis | CustomQuantization | None = None

    @staticmethod
    def of(scale: object, zero_point: object = 0, axis: int = 0) -> Quantization:
        """From numbers or sequences; one zero point serves all scales."""
        scales = np.atleast_1d(np.asarray(scale, np.float32)).copy()
        points = np.broadcast_to(np.asarray(zero_point, np.int64), scales.shape).copy()
        scales.flags.writeable = points.flags.writeable = False
        return Quantization(scales, points, axis)

    @property
    def is_affine(self) -> bool:
        """Whether there are scales to compute with (a file may hold an empty table, or a range only)."""
        return self.scale is not None and len(self.scale) > 0

    @property
    def per_channel(self) -> bool:
        return self.scale is not None and len(self.scale) > 1


class DimensionType(IntEnum):
    DENSE = 0
    SPARSE_CSR = 1


@dataclass(frozen=True, eq=False)
class Dimension(Value):
    """How one dimension of a sparse tensor is stored. The vectors keep the file's width: int32, uint16 or uint8."""

    format: DimensionType
    dense_size: int
    segments: NDArray[np.generic] | None = None
    indices: NDArray[np.generic] | None = None


@dataclass(frozen=True, eq=False)
class Sparsity(Value):
    traversal_order: tuple[int, ...] | None
    block_map: tuple[int, ...] | None
    dimensions: tuple[Dimension, ...] | None


@dataclass(frozen=True, eq=False)
class VariantSubtype(Value):
    """What the elements of a VARIANT tensor are."""

    shape: Shape | None
    type: TensorType
    has_rank: bool = False


@dataclass(frozen=True, eq=False)
class Tensor(Value):
    """One tensor of a graph. `data` is None where values are computed; a Buffer of no bytes differs from None.

    shape is None where the file gives none (a scalar is `()`); shape_signature has -1 where a dimension may change.
    Tensors that share one Buffer object share it in the file.
    """

    name: str | None
    shape: Shape | None
    type: TensorType
    data: Buffer | External | None = None
    quantization: Quantization | None = None
    shape_signature: Shape | None = None
    is_variable: bool = False
    sparsity: Sparsity | None = None
    has_rank: bool = False
    variants: tuple[VariantSubtype, ...] | None = None

    @property
    def is_constant(self) -> bool:
        """Whether it has data: a buffer without bytes is data only where there are no elements."""
        if isinstance(self.data, Buffer) and len(self.data) == 0:
            return 0 in (self.shape or ())
        return self.data is not None

    @cached_property
    def array(self) -> NDArray[Any]:
        """The constant's values (shape `shape`, `type.dtype`), read-only: a view of the buffer where its bytes allow,
        else a copy (4 and 2 bit elements are unpacked to bytes, low bits first; strings become objects).

        ValueError where the buffer doesn't hold exactly that; sparse and external data are not read here.
        """
        from_bytes = unpack_constant(self)
        from_bytes.flags.writeable = False
        return from_bytes


def unpack_constant(tensor: Tensor) -> NDArray[Any]:
    """The values of a dense constant; see `Tensor.array`."""
    if not isinstance(tensor.data, Buffer):
        raise ValueError(f"expected a tensor with its bytes in the file, got {tensor.data!r}")
    shape = tensor.shape or ()
    count = 1
    for size in shape:
        count *= size
    data = np.frombuffer(tensor.data.data, np.uint8)
    if tensor.type is TensorType.STRING:
        return unpack_strings(bytes(tensor.data.data), shape)
    if tensor.type.bits == 0:
        raise ValueError(f"expected a type with elements of a fixed size, got {tensor.type.name}")
    needed = (count * tensor.type.bits + 7) // 8
    if len(data) < needed:
        raise ValueError(f"expected {needed} bytes for {tensor.type.name}{list(shape)}, got {len(data)}")
    data = data[:needed]
    if tensor.type in (TensorType.INT4, TensorType.UINT4):
        both = np.stack([data & 15, data >> 4], axis=-1).reshape(-1)[:count]
        if tensor.type is TensorType.INT4:
            both = ((both ^ 8).astype(np.int8) - np.int8(8)).astype(np.int8)
        return both.reshape(shape)
    if tensor.type is TensorType.INT2:
        four = np.stack([(data >> shift) & 3 for shift in (0, 2, 4, 6)], axis=-1).reshape(-1)[:count]
        return ((four ^ 2).astype(np.int8) - np.int8(2)).astype(np.int8).reshape(shape)
    return data.view(tensor.type.dtype.newbyteorder("<")).reshape(shape)


def unpack_strings(data: bytes, shape: Shape) -> NDArray[Any]:
    """TFLite's string buffer (int32 count, count + 1 int32 offsets from the buffer's start, bytes) as objects."""
    if len(data) < 4:
        raise ValueError(f"expected a string buffer of at least 4 bytes, got {len(data)}")
    count = int.from_bytes(data[:4], "little", signed=True)
    wanted = 1
    for size in shape:
        wanted *= size
    if count != wanted or len(data) < 4 * (count + 2):
        raise ValueError(f"expected {wanted} strings with their offsets, got {count} in {len(data)} bytes")
    offsets = np.frombuffer(data, "<i4", count + 1, 4).astype(np.int64)
    if (offsets[0] < 4 * (count + 2) or (np.diff(offsets) < 0).any() or offsets[-1] > len(data)) and count:
        raise ValueError(f"expected rising string offsets within {len(data)} bytes, got {offsets.tolist()}")
    strings = np.empty(count, object)
    for i in range(count):
        strings[i] = data[offsets[i] : offsets[i + 1]]
    return strings.reshape(shape)


@dataclass(frozen=True, eq=False)
class Node(Value):
    """One operator applied: tensor indices in the operator's order, -1 where an optional one is absent.

    version None: the writer computes the smallest that the operator's own rule allows.
    ignored: an options table of another operator that the file gives this one; runtimes pass over it.
    """

    op: Op
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...] | None = None
    version: int | None = None
    mutating_variable_inputs: tuple[bool, ...] | None = None
    debug_metadata_index: int = -1
    ignored: Op | None = None


@dataclass(frozen=True, eq=False)
class Graph(Value):
    """A subgraph: tensors, the nodes in order of execution, and which tensors come in and go out."""

    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    name: str | None = None
    debug_metadata_index: int = -1


@dataclass(frozen=True, eq=False)
class Signature(Value):
    """A named entry: argument names and the tensors of `graph` they stand for."""

    key: str | None
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]
    graph: int = 0


@dataclass(frozen=True, eq=False)
class Metadata(Value):
    name: str | None
    data: Buffer | None


@dataclass(frozen=True, eq=False)
class Model(Value):
    """Everything a file says. `appended` holds bytes behind the flatbuffer (a ZIP of associated files).

    unreferenced: buffers that no tensor and no metadata name; metadata_buffers: the schema's older list of metadata.
    unknown: what the file says beyond the schema, each by its place; such a model can't be saved.
    """

    graphs: tuple[Graph, ...]
    description: str | None = None
    signatures: tuple[Signature, ...] | None = None
    metadata: tuple[Metadata, ...] | None = None
    metadata_buffers: tuple[Buffer | None, ...] | None = None
    unreferenced: tuple[Buffer | External, ...] = ()
    appended: Buffer | None = None
    unknown: tuple[str, ...] = ()
