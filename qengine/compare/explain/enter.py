"""What enters an element: the numbers of the inputs that it follows from, as the kernels' own arguments say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ...op import Array
from .select import Element, plain, text_of
from .trace import Call

Index = tuple[int, ...]


@dataclass(frozen=True)
class Term:
    """One number that enters. q: as the tensor holds it; value: less its zero point, where that is taken off.

    weight_at, weight: what it is multiplied with (less the zero point), and where that lies; None where it isn't.
    """

    name: str
    at: Index
    q: Any
    value: Any = None
    weight_at: Index | None = None
    weight: Any = None

    @property
    def product(self) -> Any:
        return None if self.weight is None else self.value * self.weight

    @property
    def text(self) -> str:
        """`x[0, 3, 6, 0] = 12 + 3 = 15   times w[12, 0, 0, 0] = -45   = -675`."""
        found = f"{self.name}[{', '.join(map(str, self.at))}] = {text_of(self.q)}"
        if self.value is not None and self.value != self.q:
            point = self.q - self.value
            found += f" {'-' if point >= 0 else '+'} {text_of(abs(point))} = {text_of(self.value)}"
        if self.weight is not None:
            where = f"w[{', '.join(map(str, self.weight_at or ()))}] = " if self.weight_at is not None else ""
            found += f"   times {where}{text_of(self.weight)}   = {text_of(self.product)}"
        return found


@dataclass(frozen=True)
class Entering:
    """kind: what is done with the terms, in words. outside: how many positions of the window lie outside."""

    kind: str
    terms: tuple[Term, ...]
    outside: int = 0

    @property
    def edge(self) -> str:
        """What becomes of the positions outside of the image, for people."""
        products = any(term.weight is not None for term in self.terms)
        says = "count as zero" if products else "don't count"
        return f", {self.outside} positions outside of the image {says}" if self.outside else ""

    @property
    def total(self) -> Any:
        """The sum of the products, or of the numbers."""
        if not self.terms:
            return 0
        if all(term.weight is not None for term in self.terms):
            return sum(term.product for term in self.terms)
        return sum(term.q if term.value is None else term.value for term in self.terms)


Finder = Callable[[Call, Element], Entering | None]


def _whole(x: Any) -> Any:
    """A number that a float type holds exactly, as an integer where it is one."""
    number = plain(x)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _product(x: Array, at: Index, weights: Array, weight_at: Index) -> Term:
    value = _whole(x[at])
    return Term("x", at, value, value, weight_at, _whole(weights[weight_at]))


def _conv(call: Call, element: Element) -> Entering:
    x, filters, geometry = (call.arguments[name] for name in ("x", "filters", "geometry"))
    outputs, height, width, depth = filters.shape
    group = element.index[3] * (x.shape[3] // depth) // outputs
    terms = []
    for ky, kx in product(range(height), range(width)):
        y, column = _tap(element.index, (ky, kx), geometry)
        if 0 <= y < x.shape[1] and 0 <= column < x.shape[2]:
            for c in range(depth):
                at = (element.index[0], y, column, group * depth + c)
                terms.append(_product(x, at, filters, (element.index[3], ky, kx, c)))
    return Entering("sum of products", tuple(terms), height * width - len(terms) // max(depth, 1))


def _tap(index: Index, position: tuple[int, int], geometry: Any) -> tuple[int, int]:
    y, column = (
        index[1 + i] * geometry.stride[i] - geometry.padding[i] + position[i] * geometry.dilation[i] for i in (0, 1)
    )
    return y, column


def _depthwise(call: Call, element: Element) -> Entering:
    x, filters, geometry = (call.arguments[name] for name in ("x", "filters", "geometry"))
    _, height, width, outputs = filters.shape
    channel = element.index[3] // (outputs // x.shape[3])
    terms = []
    for ky, kx in product(range(height), range(width)):
        y, column = _tap(element.index, (ky, kx), geometry)
        if 0 <= y < x.shape[1] and 0 <= column < x.shape[2]:
            terms.append(_product(x, (element.index[0], y, column, channel), filters, (0, ky, kx, element.index[3])))
    return Entering("sum of products", tuple(terms), height * width - len(terms))


def _transposed(call: Call, element: Element) -> Entering:
    x, filters, stride, padding = (call.arguments[name] for name in ("x", "filters", "stride", "padding"))
    _, height, width, depth = filters.shape
    n, oy, ox, o = element.index
    terms = []
    for ky, kx in product(range(height), range(width)):
        (y, off_y), (column, off_x) = divmod(oy + padding[0] - ky, stride[0]), divmod(ox + padding[1] - kx, stride[1])
        if off_y == off_x == 0 and 0 <= y < x.shape[1] and 0 <= column < x.shape[2]:
            terms += [_product(x, (n, y, column, c), filters, (o, ky, kx, c)) for c in range(depth)]
    return Entering("sum of products", tuple(terms))


def _dense(call: Call, element: Element) -> Entering | None:
    x, weights = call.arguments.get("x"), call.arguments.get("weights")
    if x is None or weights is None or weights.ndim != 2:
        return None
    units, depth = weights.shape
    row, unit = divmod(element.position, units)
    flat = x.reshape(-1)
    terms = []
    for k in range(depth):
        at = tuple(int(i) for i in np.unravel_index(row * depth + k, x.shape))
        value = _whole(flat[row * depth + k])
        terms.append(Term("x", at, value, value, (unit, k), _whole(weights[unit, k])))
    return Entering("sum of products", tuple(terms))


def _matmul(call: Call, element: Element) -> Entering | None:
    x, y = call.arguments["x"], call.arguments["y"]
    if x.ndim > len(element.index) or y.ndim > len(element.index):
        return None
    *batch, row, column = element.index

    def of(array: Array) -> Index:
        lengths = array.shape[:-2]
        return tuple(
            0 if length == 1 else i for length, i in zip(lengths, batch[len(batch) - len(lengths) :], strict=True)
        )

    points = call.arguments.get("x_zero_point", 0), call.arguments.get("y_zero_point", 0)
    terms = []
    for k in range(x.shape[-1]):
        at, other = (*of(x), row, k), (*of(y), k, column)
        q, weight = plain(x[at]), plain(y[other])
        terms.append(Term("x", at, q, q - points[0], other, weight - points[1]))
    return Entering("sum of products", tuple(terms))


def _window(call: Call, element: Element) -> Entering:
    x, slides = call.arguments["x"], call.arguments["slides"]
    positions, outside = [], 0
    for taps in product(*(range(slide.size) for slide in slides)):
        at = [
            i * s.stride - s.before + tap * s.dilation
            for i, s, tap in zip(element.index[1:], slides, taps, strict=False)
        ]
        if all(0 <= i < length for i, length in zip(at, x.shape[1:], strict=False)):
            positions.append((element.index[0], *at, element.index[-1]))
        else:
            outside += 1
    return Entering("the window", tuple(Term("x", at, plain(x[at])) for at in positions), outside)


def _reduced(call: Call, element: Element) -> Entering | None:
    x, axes = call.arguments.get("x"), call.arguments.get("axes")
    if x is None or axes is None:
        return None
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    lengths = [x.shape[axis] for axis in rest]
    kept = [int(i) for i in np.unravel_index(element.position, lengths)] if rest else []
    terms = []
    for where in product(*(range(x.shape[axis]) for axis in axes)):
        by = dict(zip(rest, kept, strict=True)) | dict(zip(axes, where, strict=True))
        at = tuple(by[axis] for axis in range(x.ndim))
        terms.append(Term("x", at, plain(x[at])))
    return Entering("what is reduced", tuple(terms))


def _row(call: Call, element: Element) -> Entering | None:
    q = call.arguments.get("q")
    if q is None or q.shape != element.shape:
        return None
    at = element.index[:-1]
    return Entering("the row", tuple(Term("x", (*at, k), plain(q[(*at, k)])) for k in range(q.shape[-1])))


def _pixels(call: Call, element: Element) -> Entering:
    x, rows, columns = call.arguments["x"], call.arguments["rows"], call.arguments["columns"]
    n, oy, ox, c = element.index
    down, right = plain(rows.distance[oy]), plain(columns.distance[ox])
    unit = {"bilinear_fixed_point": 1024, "bilinear_steps": 2048}.get(call.function, 1)
    terms = []
    for of_row, weight_y in ((rows.before[oy], unit - down), (rows.after[oy], down)):
        for of_column, weight_x in ((columns.before[ox], unit - right), (columns.after[ox], right)):
            at = (n, int(of_row), int(of_column), c)
            value = plain(x[at])
            terms.append(Term("x", at, value, value, None, weight_y * weight_x))
    return Entering("the four pixels around", tuple(terms))


def _entry(call: Call, element: Element) -> Entering | None:
    x = element.pick(call.arguments["x"])
    return None if x is None else Entering("looked up", (Term("x", element.index, plain(x)),))


FINDERS: Mapping[str, Finder] = {
    "conv_2d": _conv,
    "depthwise_conv_2d": _depthwise,
    "transpose_conv_2d": _transposed,
    "sums": _dense,
    "multiply_integers": _matmul,
    "window_sums": _window,
    "max_pool": _window,
    **dict.fromkeys(("reduced", "folded", "product_rescaled", "in_order", "latest_extreme"), _reduced),
    **dict.fromkeys(
        (
            "softmax_fixed_point",
            "softmax_table",
            "softmax_int16",
            "log_softmax_fixed_point",
            "log_softmax_table",
            "l2_normalize_int8",
            "l2_normalize_uint8",
        ),
        _row,
    ),
    **dict.fromkeys(("bilinear_fixed_point", "bilinear_steps", "bilinear_uint8", "bilinear_float32"), _pixels),
    "lookup": _entry,
    "lookup_int16": _entry,
}
"""By the kernel's function that takes the inputs: where in its arguments the element's numbers are."""


def entering(root: Call, element: Element, inputs: Mapping[str, Array]) -> Entering:
    """What enters an element, from what was watched; else, of each input, the number that lies at its place."""
    for call in root.calls():
        finder = FINDERS.get(call.function)
        found = None if finder is None else finder(call, element)
        if found is not None:
            return found
    return Entering("at the same place", tuple(_beside(inputs, element)))


def _beside(inputs: Mapping[str, Array], element: Element) -> Iterator[Term]:
    for name, array in inputs.items():
        q = element.pick(array)
        if q is not None and not isinstance(q, tuple):
            rank = len(element.shape)
            tail = element.index[rank - array.ndim :] if array.ndim <= rank else element.index
            at = tuple(0 if n == 1 else i for n, i in zip(array.shape, tail, strict=False))
            yield Term(name, at, plain(q))
