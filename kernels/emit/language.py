"""The small language kernels are written in: Python values whose operators write LLVM IR, one line each.

    f = Function("halve", target)
    row = f.arguments("*source *destination count")
    with f.loop(row.count, p=row.source, q=row.destination) as each:   # a loop at run time
        for lane in range(4):                                   # a Python loop unrolls
            each.q.store(each.p.load(I32, 4 * lane) >> 1, 4 * lane)
        each.p, each.q = each.p + 16, each.q + 16               # what the next round sees

Every kernel has one signature, `void name(int64 *arguments)`: a row of the program's table is its arguments.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import Any

from .target import Target


@dataclass(frozen=True, slots=True)
class Type:
    """An LLVM type: a scalar, or a vector of `lanes` scalars."""

    element: str
    lanes: int = 1

    def x(self, lanes: int) -> Type:
        """The vector of `lanes` such scalars."""
        return Type(self.element, lanes)

    @property
    def scalar(self) -> Type:
        return Type(self.element)

    @property
    def is_float(self) -> bool:
        return self.element in ("float", "double")

    @property
    def size(self) -> int:
        """Bytes of one scalar."""
        return {"float": 4, "double": 8, "ptr": 8}.get(self.element) or max(1, int(self.element[1:]) // 8)

    @property
    def overload(self) -> str:
        """How the name of an overloaded intrinsic spells this type: `v16i32`, `f32`."""
        element = {"float": "f32", "double": "f64", "ptr": "p0"}.get(self.element, self.element)
        return f"v{self.lanes}{element}" if self.lanes > 1 else element

    def __str__(self) -> str:
        return f"<{self.lanes} x {self.element}>" if self.lanes > 1 else self.element


I1, I8, I16, I32, I64, F32, F64, POINTER = map(Type, ("i1", "i8", "i16", "i32", "i64", "float", "double", "ptr"))
VOID = Type("void")


def literal(number: float, type: Type) -> str:
    """A number as a constant of `type`: the same in every lane. Floats by their bits: LLVM writes them as doubles."""
    if type.is_float:
        exact = struct.unpack("<f", struct.pack("<f", number))[0] if type.element == "float" else number
        text = "0x" + struct.pack(">d", exact).hex()
    else:
        text = str(int(number))
    return text if type.lanes == 1 else f"<{', '.join([f'{type.element} {text}'] * type.lanes)}>"


_FLOAT = {"add": "fadd", "sub": "fsub", "mul": "fmul", "sdiv": "fdiv"}


class Value:
    """One SSA value. Integers are signed unless a method says otherwise; numbers beside a value become its type."""

    __slots__ = ("function", "name", "type")

    def __init__(self, function: Function, type: Type, name: str) -> None:
        self.function, self.type, self.name = function, type, name

    def _other(self, other: Value | float) -> str:
        return other.name if isinstance(other, Value) else literal(other, self.type)

    def _binary(self, operation: str, other: Value | float) -> Value:
        operation = _FLOAT[operation] if self.type.is_float else operation
        return self.function.emit(self.type, f"{operation} {self.type} {self.name}, {self._other(other)}")

    def __add__(self, other: Value | float) -> Value:
        """A sum; on a pointer, a step of that many bytes."""
        if self.type != POINTER:
            return self._binary("add", other)
        if isinstance(other, int) and other == 0:
            return self
        step = other.name if isinstance(other, Value) else int(other)
        return self.function.emit(POINTER, f"getelementptr i8, ptr {self.name}, i64 {step}")

    def __sub__(self, other: Value | float) -> Value:
        return self._binary("sub", other)

    def __mul__(self, other: Value | float) -> Value:
        return self._binary("mul", other)

    def __and__(self, other: Value | int) -> Value:
        return self._binary("and", other)

    def __or__(self, other: Value | int) -> Value:
        return self._binary("or", other)

    def __xor__(self, other: Value | int) -> Value:
        return self._binary("xor", other)

    def __lshift__(self, other: Value | int) -> Value:
        return self._binary("shl", other)

    def __rshift__(self, other: Value | int) -> Value:
        """Arithmetic: the sign moves in."""
        return self._binary("ashr", other)

    def shift_right_unsigned(self, other: Value | int) -> Value:
        return self._binary("lshr", other)

    def divide(self, other: Value | float) -> Value:
        """C's division: integers truncate toward zero."""
        return self._binary("sdiv", other)

    def _compare(self, predicate: str, other: Value | float) -> Value:
        operation = "fcmp" if self.type.is_float else "icmp"
        result = Type("i1", self.type.lanes)
        return self.function.emit(result, f"{operation} {predicate} {self.type} {self.name}, {self._other(other)}")

    def __lt__(self, other: Value | float) -> Value:
        return self._compare("olt" if self.type.is_float else "slt", other)

    def __ge__(self, other: Value | float) -> Value:
        return self._compare("oge" if self.type.is_float else "sge", other)

    def __gt__(self, other: Value | float) -> Value:
        return self._compare("ogt" if self.type.is_float else "sgt", other)

    def equals(self, other: Value | float) -> Value:
        return self._compare("oeq" if self.type.is_float else "eq", other)

    def below_unsigned(self, other: Value | int) -> Value:
        return self._compare("ult", other)

    def select(self, then: Value | float, otherwise: Value | float) -> Value:
        """`then` where this (i1) is true, else `otherwise`; one of them at least is a value."""
        type = then.type if isinstance(then, Value) else otherwise.type if isinstance(otherwise, Value) else VOID
        names = [x.name if isinstance(x, Value) else literal(x, type) for x in (then, otherwise)]
        return self.function.emit(type, f"select {self.type} {self.name}, {type} {names[0]}, {type} {names[1]}")

    def _extreme(self, which: str, other: Value | float) -> Value:
        peer = self.function.constant(other, self.type)
        return self.function.call(f"llvm.{which}.{self.type.overload}", self.type, self, peer)

    def min(self, other: Value | float) -> Value:
        return (self < other).select(self, other) if self.type.is_float else self._extreme("smin", other)

    def max(self, other: Value | float) -> Value:
        return (self > other).select(self, other) if self.type.is_float else self._extreme("smax", other)

    def min_unsigned(self, other: Value | int) -> Value:
        return self._extreme("umin", other)

    def max_unsigned(self, other: Value | int) -> Value:
        return self._extreme("umax", other)

    def convert(self, operation: str, element: Type) -> Value:
        """LLVM's conversion by its name: sext, zext, trunc, sitofp, fptosi, fpext, ..."""
        type = element.x(self.type.lanes)
        return self.function.emit(type, f"{operation} {self.type} {self.name} to {type}")

    def signed(self, element: Type) -> Value:
        return self.convert("sext", element)

    def unsigned(self, element: Type) -> Value:
        return self.convert("zext", element)

    def truncate(self, element: Type) -> Value:
        return self.convert("trunc", element)

    def bits(self, type: Type) -> Value:
        """The same bits seen as another type of the same size."""
        return self.function.emit(type, f"bitcast {self.type} {self.name} to {type}")

    def splat(self, lanes: int) -> Value:
        """The vector with this scalar in every lane."""
        type = self.type.x(lanes)
        first = self.function.emit(type, f"insertelement {type} poison, {self.type} {self.name}, i64 0")
        return first.shuffle([0] * lanes)

    def shuffle(self, lanes: Iterable[int], other: Value | None = None) -> Value:
        """The lanes chosen by index from this vector and, counting on, from `other`."""
        chosen = list(lanes)
        mask = f"<{len(chosen)} x i32> <{', '.join(f'i32 {lane}' for lane in chosen)}>"
        second = "poison" if other is None else other.name
        type = self.type.scalar.x(len(chosen))
        return self.function.emit(type, f"shufflevector {self.type} {self.name}, {self.type} {second}, {mask}")

    def load(self, type: Type, offset: Value | int = 0, align: int = 1) -> Value:
        place = self + offset
        return self.function.emit(type, f"load {type}, ptr {place.name}, align {align}")

    def store(self, value: Value, offset: Value | int = 0) -> None:
        place = self + offset
        self.function.write(f"store {value.type} {value.name}, ptr {place.name}, align 1")


def flat(nested: Any) -> list[Value]:
    """The values of nested lists, in order."""
    return [value for part in nested for value in flat(part)] if isinstance(nested, list | tuple) else [nested]


def shaped_like(nested: Any, values: Iterator[Value]) -> Any:
    """`values` in the nesting of `nested`."""
    return [shaped_like(part, values) for part in nested] if isinstance(nested, list | tuple) else next(values)


class Loop:
    """`do ... while (--count)`. Its attributes are the named values of this round; assign them for the next.

    After the block they are the last round's. `count` is at least 1, or `may_be_empty` is said.
    `stop_when` ends it early.
    """

    def __init__(self, function: Function, count: Value | int, may_be_empty: bool, carried: dict[str, Any]) -> None:
        self.__dict__.update(_function=function, _count=count, _guarded=may_be_empty, _now=carried, _stop=None)

    def stop_when(self, condition: Value) -> None:
        """This round is the last one where the condition (i1) holds."""
        self.__dict__["_stop"] = condition

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_now"][name]
        except KeyError:
            raise AttributeError(f"the loop carries {', '.join(self.__dict__['_now'])}, not {name}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        getattr(self, name)
        self._now[name] = value

    def __enter__(self) -> Loop:
        f: Function = self._function
        number = f.new_label()
        count = f.constant(self._count, I64)
        state: dict[str, Any] = {"_number": number, "_before": f.block}
        if self._guarded:
            f.branch(count > 0, f"enter{number}", f"end{number}")
            f.label(f"enter{number}")
        state["_entry"] = f.block
        first = [count, *(f.constant(value, I64) for value in flat(list(self._now.values())))]
        f.jump(f"loop{number}")
        f.label(f"loop{number}")
        state["_phis_at"] = len(f.lines)
        phis = [f.emit(value.type, "phi") for value in first]
        state.update(_first=first, _phis=phis)
        self.__dict__.update(state)
        self._give(phis[1:])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        f: Function = self._function
        left = self._phis[0] - 1
        last = [left, *(f.constant(value, I64) for value in flat(list(self._now.values())))]
        for line, (phi, a, b) in enumerate(zip(self._phis, self._first, last, strict=True), self._phis_at):
            f.lines[line] = f"  {phi.name} = phi {phi.type} [{a.name}, %{self._entry}], [{b.name}, %{f.block}]"
        end, over = f.block, left.equals(0)
        if self._stop is not None:
            over = over | self._stop
        f.branch(over, f"end{self._number}", f"loop{self._number}")
        f.label(f"end{self._number}")
        if self._guarded:
            either = zip(self._first[1:], last[1:], strict=True)
            last[1:] = [
                f.emit(a.type, f"phi {a.type} [{a.name}, %{self._before}], [{b.name}, %{end}]") for a, b in either
            ]
        self._give(last[1:])

    def _give(self, values: list[Value]) -> None:
        remaining = iter(values)
        for name, nested in self._now.items():
            self._now[name] = shaped_like(nested, remaining)


class When:
    """`if (condition) { ... }`: for its effects on memory; values don't come out of it."""

    def __init__(self, function: Function, condition: Value) -> None:
        self.function, self.condition = function, condition

    def __enter__(self) -> None:
        self.number = self.function.new_label()
        self.function.branch(self.condition, f"then{self.number}", f"done{self.number}")
        self.function.label(f"then{self.number}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.function.jump(f"done{self.number}")
            self.function.label(f"done{self.number}")


class Function:
    """A kernel being written, for one processor variant."""

    def __init__(self, name: str, target: Target) -> None:
        self.name, self.target = name, target
        self.lines: list[str] = []
        self.frame: list[str] = []
        self.declarations: set[str] = set()
        self.block = "entry"
        self._values = 0
        self._labels = 0

    def write(self, line: str) -> None:
        self.lines.append("  " + line)

    def emit(self, type: Type, text: str) -> Value:
        """A new value that `text` computes."""
        self._values += 1
        name = f"%v{self._values}"
        self.lines.append(f"  {name} = {text}")
        return Value(self, type, name)

    def constant(self, number: Value | float, type: Type) -> Value:
        return number if isinstance(number, Value) else Value(self, type, literal(number, type))

    def call(self, name: str, result: Type, *arguments: Value) -> Value:
        """Call an intrinsic (or a C function) by name, declaring it."""
        self.declarations.add(f"declare {result} @{name}({', '.join(str(a.type) for a in arguments)})")
        text = f"call {result} @{name}({', '.join(f'{a.type} {a.name}' for a in arguments)})"
        if result == VOID:
            self.write(text)
            return Value(self, VOID, "")
        return self.emit(result, text)

    def call_kernel(self, address: Value, arguments: Value) -> None:
        self.write(f"call void {address.name}(ptr {arguments.name})")

    def arguments(self, slots: str) -> SimpleNamespace:
        """The row's arguments by name, in the order they lie there: `*name` is a pointer, `name` or `#name` an int64.

        They keep their names in the text.
        """
        row, values = Value(self, POINTER, "%row"), {}
        for slot, word in enumerate(slots.split()):
            type, name = POINTER if word.startswith("*") else I64, word.lstrip("*#")
            values[name] = Value(self, type, f"%{name}")
            self.write(f"%{name} = load {type}, ptr {(row + 8 * slot).name}, align 8")
        return SimpleNamespace(**values)

    def stack(self, size: int) -> Value:
        """`size` bytes of stack, aligned to 64, taken once on entry."""
        name = f"%stack{len(self.frame)}"
        self.frame.append(f"  {name} = alloca [{size} x i8], align 64")
        return Value(self, POINTER, name)

    def loop(self, count: Value | int, may_be_empty: bool = False, /, **carried: Any) -> Loop:
        return Loop(self, count, may_be_empty, carried)

    def when(self, condition: Value) -> When:
        return When(self, condition)

    def new_label(self) -> int:
        self._labels += 1
        return self._labels

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    def jump(self, label: str) -> None:
        self.write(f"br label %{label}")

    def branch(self, condition: Value, then: str, otherwise: str) -> None:
        self.write(f"br i1 {condition.name}, label %{then}, label %{otherwise}")

    def text(self) -> str:
        """The whole module: this function and what it declares."""
        body = "\n".join(self.frame + self.lines)
        head = "\n".join(sorted(self.declarations))
        return f"{head}\n\ndefine void @{self.name}(ptr noalias %row) nounwind {{\nentry:\n{body}\n  ret void\n}}\n"
