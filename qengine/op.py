"""What an operator is: the questions that every operator answers. Knows no operator and no file format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from numpy.typing import NDArray

from .errors import ModelError, Unsupported
from .kernels.emit.plan import Compiled
from .kernels.emit.target import Target
from .kernels.profile import Profile
from .model import Buffer, Graph, Quantization, Shape, TensorType
from .value import Value

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Spec(Value):
    """What is known of one operand when a model is prepared.

    shape: None where it is known only while running; value: the array of a constant, else None.
    folded: the value isn't in the file: it was computed from constants while preparing.
    block_scale: float16 (n, blocks), the scales of weights quantized in blocks along the last axis, else None.
    """

    shape: Shape | None
    type: TensorType
    quantization: Quantization | None = None
    value: Array | None = None
    is_variable: bool = False
    name: str | None = None
    folded: bool = False
    block_scale: Array | None = None

    @property
    def stored(self) -> bool:
        """Whether the file holds the values: what the runtime's delegate means by a constant."""
        return self.value is not None and not self.folded

    @property
    def size(self) -> int:
        """How many elements; only where the shape is known."""
        assert self.shape is not None
        count = 1
        for length in self.shape:
            count *= length
        return count

    @property
    def scale(self) -> float:
        """The scale of a tensor quantized as a whole (float32 widened); ModelError where there isn't exactly one."""
        return float(self._one("scale"))

    @property
    def zero_point(self) -> int:
        """The one zero point of a tensor quantized as a whole; ModelError where there isn't exactly one."""
        return int(self._one("zero_point"))

    def _one(self, what: str) -> float:
        q = self.quantization
        values = None if q is None else q.scale if what == "scale" else q.zero_point
        if values is None or len(values) != 1:
            got = "none" if values is None else f"{len(values)} of them"
            raise ModelError(f"expected one {what} for {self.type.name} tensor {self.name!r}, got {got}")
        return float(values[0])


@dataclass(frozen=True)
class Specs:
    """The operands of one node. An absent optional input is None; outputs carry the file's type and quantization."""

    inputs: tuple[Spec | None, ...]
    outputs: tuple[Spec, ...]
    intermediates: tuple[Spec | None, ...] = ()

    def input(self, index: int) -> Spec:
        """Input `index`, which must be there."""
        spec = self.optional(index)
        if spec is None:
            raise ModelError(f"expected a tensor, got none of {len(self.inputs)} inputs", f"inputs[{index}]")
        return spec

    def optional(self, index: int) -> Spec | None:
        """Input `index`, or None where it is absent or the node has fewer inputs."""
        return self.inputs[index] if index < len(self.inputs) else None

    def output(self, index: int = 0) -> Spec:
        if index >= len(self.outputs):
            raise ModelError(f"expected at least {index + 1} outputs, got {len(self.outputs)}", "outputs")
        return self.outputs[index]


class Dynamic:
    """Says that output shapes are known only while running."""

    def __repr__(self) -> str:
        return "DYNAMIC"


DYNAMIC = Dynamic()


class Graphs(Protocol):
    """What an operator may ask of the model around it: other graphs, and state that outlives a call."""

    def graph(self, index: int) -> Graph:
        """Another graph, as the model has it. ModelError where there is none."""

    def prepare(self, graph: int, inputs: Sequence[Spec]) -> tuple[Sequence[Spec], Callable[..., tuple[Array, ...]]]:
        """Prepares another graph for such inputs: the outputs' specs, and a function from arrays to arrays."""

    def rounds(
        self, condition: int, body: int, inputs: Sequence[Spec], sources: Sequence[int | None]
    ) -> Callable[[Sequence[Array], int], list[Array] | None] | None:
        """Prepares two other graphs as a loop: a function of the arrays that it begins with and the most rounds, which
        gives its state at the end, for a moment, or None where it goes on. None where shapes may change.

        sources: per output of the body which of its inputs it is, if it is one.
        """

    @property
    def resources(self) -> dict[Any, Any]:
        """Variables and tables that live as long as the interpreter, by their key."""

    def custom(self, custom_code: str) -> CustomKernel | None:
        """What reads custom operators of this code, or None."""


@dataclass(frozen=True)
class Step:
    """One node, prepared: TFLite's Prepare done, its Eval as a function.

    run: input arrays (None where absent) -> output arrays, in the node's order. It may not write to its inputs, but for
    variable tensors, which it updates in place; it may return views of them. What only the values show to be wrong
    (an index out of range) raises RuntimeError.
    kernel, why: what runs and for which reason, for people. macs: multiply-accumulates of one call.
    compiled: gives the rows of a native kernel for the same arithmetic, or says why there are none; or None.
    stateful: whether the compiled rows update variable tensors, which lie as NumPy has them.
    alias: the output is the first input under another shape, or as the other type of 8 bits, INT8 being UINT8 - 128.
    folds: whether, all inputs being constants, the outputs are constants too (not where there is state or chance).
    constant: outputs that are known now, whatever the values of the inputs (SHAPE).
    pointwise: whether each element of the output comes from those of the inputs at its place alone, and `run` takes
    arrays of any shape that are alike.
    """

    run: Callable[..., Array | tuple[Array, ...]]
    kernel: str = "numpy"
    why: str = ""
    macs: int = 0
    compiled: Callable[[Target], Compiled | str] | None = None
    alias: bool = False
    stateful: bool = False
    folds: bool = True
    constant: tuple[Array, ...] | None = None
    pointwise: bool = False


# --- how an output is quantized, and which inputs are weights: what quantizing a model asks of an operator


@dataclass(frozen=True)
class Free:
    """Outputs have a range of their own."""


@dataclass(frozen=True)
class LikeInput:
    """Every output, and every quantized input in `inputs`, has the scale and zero point of input `inputs[0]`."""

    inputs: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class LikeOutput:
    """Every activation input takes the scale and zero point of the output (CONCATENATION)."""


@dataclass(frozen=True)
class Fixed:
    """Outputs have this scale and zero point, whatever their range; by type."""

    parameters: Mapping[TensorType, tuple[float, int]]


@dataclass(frozen=True)
class Unquantized:
    """Outputs are not quantized values: indices, flags, shapes."""


Rule = Free | LikeInput | LikeOutput | Fixed | Unquantized


@dataclass(frozen=True)
class Weights:
    """Which input is a weight, along which axis its channels lie, and which input (if any) is its bias."""

    input: int
    axis: int
    bias: int | None = None


@dataclass(frozen=True)
class Versions:
    """The versions of an operator that the runtime has kernels for: `first` to `last`.

    reference: the last one of its reference set, where it differs; 0: that set doesn't have the operator.
    """

    last: int = 1
    reference: int | None = None
    first: int = 1

    def within(self, profile: Profile) -> range:
        last = self.last if self.reference is None else profile.pick(reference=self.reference, optimized=self.last)
        return range(self.first, last + 1)


class Op(Value):
    """Base of all operators. Its dataclass fields are the TFLite options table, in the schema's order and names.

    Subclasses are final, `@dataclass(frozen=True, eq=False)`, one a file `ops/<builtin name>.py`.
    """

    code: ClassVar[int]
    known_versions: ClassVar[Versions] = Versions()
    rule: ClassVar[Rule] = Free()
    weights: ClassVar[tuple[Weights, ...]] = ()

    @property
    def name(self) -> str:
        """The builtin name, `CONV_2D`."""
        return type(self).__module__.rpartition(".")[2].upper()

    def output_types(self, specs: Specs) -> Sequence[TensorType]:
        """The outputs' types where the built-in kernels run: some operators give them whatever the file says.

        Shapes may not be known yet.
        """
        return [output.type for output in specs.outputs]

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        """Output shapes from the inputs' specs, or DYNAMIC. ModelError where inputs don't fit each other."""
        raise NotImplementedError

    def delegated(self, specs: Specs) -> bool:
        """Whether the `xnnpack` profile's delegate takes this node; else its `optimized` rule runs."""
        return False

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        """Checks types and quantization and computes once what a call needs. Shapes of the outputs are filled in.

        ModelError where the runtime's Prepare refuses; Unsupported where qengine can't.
        """
        raise NotImplementedError

    def prepare(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        """`plan`, completed by what a family of operators has in common."""
        return self.plan(specs, profile, context)

    def version(self, specs: Specs) -> int:
        """The smallest version of the operator that says what this node says."""
        return 1


@dataclass(frozen=True, eq=False)
class UnknownOp(Op):
    """An operator without a file in `ops/`: can be inspected and saved unchanged, not run.

    options: the fields of its options table as the generic codec reads them; None where the node has no table.
    table: the options table's name in the schema; second: whether it is a builtin_options_2 table.
    """

    builtin_code: int
    builtin_name: str
    table: str | None = None
    options: Mapping[str, Any] | None = field(default=None)
    second: bool = False

    @property
    def name(self) -> str:
        return self.builtin_name

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        raise Unsupported("expected an operator that qengine has, got one that it can only read and write")


@dataclass(frozen=True, eq=False)
class CustomOp(Op):
    """An operator known by `custom_code`, its options bytes that only its kernel understands (often a FlexBuffer)."""

    code: ClassVar[int] = 32

    custom_code: str
    options: Buffer | None = None
    large_options: bool = False

    @property
    def name(self) -> str:
        return self.custom_code

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        return self._read(context).infer(specs, context)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return self._read(context).plan(specs, profile, context)

    def _read(self, context: Graphs) -> Op:
        kernel = context.custom(self.custom_code)
        if kernel is None:
            raise Unsupported("expected a custom operator with a kernel, got one without")
        return kernel(self)


CustomKernel = Callable[[CustomOp], Op]
"""Reads a custom operator's options: gives an Op that answers for it what every operator is asked."""
