"""Writes the course's figures, docs/course/figures/*.svg: each is computed by the functions that its chapter explains.

python docs/make_figures.py [--check]
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

import qengine as qe  # noqa: E402
from qengine import ops  # noqa: E402
from qengine.kernels import requantize  # noqa: E402
from qengine.kernels.profile import Profile  # noqa: E402

FOLDER = ROOT / "docs" / "course" / "figures"
BLUE, ORANGE, GREEN, RED, GRAY = "#2f7fc1", "#d9712b", "#3f9a6b", "#d1495b", "#8a8f98"
STYLE = f"text{{font:12px system-ui,sans-serif;fill:{GRAY}}}.t{{font-weight:600}}"
WIDTH, MARGIN = 680, (52, 16)

Points = Sequence[float] | np.ndarray[Any, Any]


class Panel:
    """A pair of axes: x and y reach, top and height in the picture; marks and lines are added to it."""

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], top: float, height: float, *, log: str = ""
    ) -> None:
        self.reach = {"x": x, "y": y}
        self.log, self.top, self.height = log, top, height
        self.parts: list[str] = []

    def at(self, axis: str, value: float) -> float:
        low, high = self.reach[axis]
        if axis in self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        share = (value - low) / (high - low)
        if axis == "x":
            return MARGIN[0] + share * (WIDTH - MARGIN[0] - MARGIN[1])
        return self.top + self.height * (1 - share)

    def path(self, xs: Points, ys: Points, color: str, width: float = 2, *, dash: str = "", step: bool = False) -> None:
        """A line through points; `step` keeps each y until the next x."""
        text = ""
        for x, y in zip(xs, ys, strict=True):
            point = f"{self.at('x', float(x)):.1f} {self.at('y', float(y)):.1f}"
            text += f"M{point}" if not text else f"H{point.split()[0]}V{point.split()[1]}" if step else f"L{point}"
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<path d="{text}" fill="none" stroke="{color}" stroke-width="{width}"{dashed}/>')

    def bar(self, left: float, right: float, low: float, high: float, color: str, opacity: float = 1.0) -> None:
        x, y = self.at("x", left), self.at("y", high)
        width, height = self.at("x", right) - x, self.at("y", low) - y
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}" '
            f'fill-opacity="{opacity}"/>'
        )

    def dot(self, x: float, y: float, color: str) -> None:
        self.parts.append(f'<circle cx="{self.at("x", x):.1f}" cy="{self.at("y", y):.1f}" r="4" fill="{color}"/>')

    def say(self, x: float, y: float, text: str, color: str = GRAY, anchor: str = "start", dy: float = 0) -> None:
        self.parts.append(
            f'<text x="{self.at("x", x):.1f}" y="{self.at("y", y) + dy:.1f}" text-anchor="{anchor}" '
            f'style="fill:{color}">{escape(text)}</text>'
        )

    def drawn(self, xticks: Iterable[tuple[float, str]], yticks: Iterable[tuple[float, str]], x: str, y: str) -> str:
        """With its axes: where their numbers stand, and what they are."""
        bottom, left = self.top + self.height, MARGIN[0]
        text = ""
        for value, label in yticks:
            at = self.at("y", value)
            text += f'<path d="M{left} {at:.1f}H{WIDTH - MARGIN[1]}" stroke="{GRAY}" stroke-opacity=".22"/>'
            text += f'<text x="{left - 7}" y="{at + 4:.1f}" text-anchor="end">{escape(label)}</text>'
        for value, label in xticks:
            at = self.at("x", value)
            text += f'<text x="{at:.1f}" y="{bottom + 17}" text-anchor="middle">{escape(label)}</text>'
        text += f'<path d="M{left} {bottom}H{WIDTH - MARGIN[1]}" stroke="{GRAY}"/>' + "".join(self.parts)
        text += f'<text x="{WIDTH - MARGIN[1]}" y="{bottom + 33}" text-anchor="end">{escape(x)}</text>'
        return text + f'<text class="t" x="{left - 44}" y="{self.top - 9}">{escape(y)}</text>'


def numbers(*values: float) -> list[tuple[float, str]]:
    return [(value, f"{value:g}".replace("-", "−")) for value in values]


def picture(height: int, title: str, *drawn: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>{''.join(drawn)}</svg>\n"
    )


def staircase() -> str:
    scale, zero_point = qe.affine.parameters(-1.0, 2.0, bits=4)
    x = np.linspace(-1.6, 2.6, 421)
    q = qe.affine.quantize(x, scale, zero_point, np.int8, bits=4)
    y = qe.affine.dequantize(q, scale, zero_point)
    above = Panel((-1.6, 2.6), (-1.3, 2.5), 28, 190)
    above.path(x, x, GRAY, 1, dash="4 4")
    above.path(x, y, BLUE)
    below = Panel((-1.6, 2.6), (-0.65, 0.65), 284, 90)
    below.bar(-1.6, -1.0, -0.65, 0.65, RED, 0.12)
    below.bar(2.0, 2.6, -0.65, 0.65, RED, 0.12)
    below.path(x, y - x, ORANGE)
    below.say(-1.57, 0.65, "clipped", RED, dy=14)
    below.say(2.57, 0.65, "clipped", RED, "end", dy=14)
    ticks = numbers(-1, 0, 1, 2)
    return picture(
        412,
        "Sixteen numbers over the range from -1 to 2, and the error of taking the nearest",
        above.drawn(ticks, ticks, "real number", "what its integer stands for"),
        below.drawn(ticks, numbers(-0.5, 0, 0.5), "real number", "error"),
    )


def channels() -> str:
    rng = np.random.default_rng(0)
    spreads = np.geomspace(0.02, 1.0, 24)
    weights = np.clip(rng.normal(0, spreads[:, None] / 3, (24, 288)), -spreads[:, None], spreads[:, None])
    panel = Panel((0, 24), (0, 60), 28, 210)
    ranges = weights.min(1), weights.max(1)
    whole = qe.affine.parameters(float(weights.min()), float(weights.max()), symmetric=True, narrow_range=True)
    each = qe.affine.parameters(*ranges, symmetric=True, narrow_range=True)
    for color, (scale, point), axis in ((ORANGE, whole, None), (BLUE, each, 0)):
        q = qe.affine.quantize(weights, scale, point, np.int8, axis=axis)
        noise = qe.affine.dequantize(q, scale, point, axis=axis) - weights
        db = 10 * np.log10((weights**2).sum(1) / (noise**2).sum(1))
        for i, value in enumerate(db):
            panel.dot(i + 0.5, float(value), color)
    panel.say(0.3, 57, "one scale for each channel", BLUE)
    panel.say(8.2, 13, "one scale for all", ORANGE)
    said = [(i + 0.5, f"{spreads[i]:.2g}") for i in range(0, 24, 4)] + [(23.5, "1")]
    return picture(
        300,
        "Signal to noise of 24 channels of growing size, with one scale for all and with a scale for each",
        panel.drawn(said, numbers(0, 20, 40, 60), "largest weight of the channel", "SQNR of the weights, dB"),
    )


def accumulator() -> str:
    terms = np.array([2.0**i for i in range(4, 19)])
    panel = Panel((2**4, 2**18), (1e4, 1e11), 28, 220, log="xy")
    panel.path(terms, terms * 255 * 127, BLUE)
    panel.path(terms, 4 * np.sqrt(terms) * 74 * 73, GREEN)
    panel.path([2**4, 2**18], [2.0**31, 2.0**31], RED, 1.5, dash="6 4")
    panel.say(2**4.2, 2.0**31, "2³¹: int32 overflows", RED, dy=-7)
    panel.say(2**11, 2**11 * 255 * 127, "the largest possible", BLUE, "end", dy=-8)
    panel.say(2**13.4, 5.2e5, "four standard deviations of random numbers", GREEN, "middle", dy=26)
    limit = 2**31 / (255 * 127)
    panel.dot(limit, 2.0**31, RED)
    panel.say(limit, 2.0**31, f"{int(limit):,} terms", RED, "start", dy=20)
    said = [(2.0**i, f"2{str(i).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}") for i in (4, 8, 12, 16)]
    high = [(10.0**i, f"10{str(i).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}") for i in (4, 6, 8, 10)]
    return picture(
        312,
        "How large a sum of products of 8-bit numbers can get",
        panel.drawn(said, high, "terms of the sum", "accumulator"),
    )


def multiplier() -> str:
    reals = np.geomspace(1e-3, 0.999, 500)
    panel = Panel((1e-3, 1), (1e-13, 1e-1), 28, 220, log="xy")
    for bits, color in ((7, ORANGE), (15, GREEN), (31, BLUE)):
        mantissa, exponent = np.frexp(reals)
        near = np.round(mantissa * 2.0**bits) * 2.0 ** (exponent - bits)
        error = np.maximum(np.abs(near / reals - 1), 1e-13)
        panel.path(reals, error, color, 0.8)
        panel.path([1e-3, 1], [2.0**-bits] * 2, color, 1.5, dash="5 4")
        panel.say(1.1e-3, 2.0**-bits, f"{bits} bits: at most 2{'⁻' + str(bits).translate(_UP)}", color, dy=-6)
    said = [(10.0**i, f"10{'⁻' + str(-i)}".translate(_UP) if i else "1") for i in (-3, -2, -1, 0)]
    said = [(x, text.replace("¹⁰", "10")) for x, text in said]
    high = [(10.0**-i, f"10⁻{str(i).translate(_UP)}") for i in (2, 5, 8, 11)]
    return picture(
        312,
        "The relative error of a real multiplier that is kept as an integer of 7, 15 and 31 bits and a shift",
        panel.drawn(said, high, "real multiplier", "relative error"),
    )


_UP = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def rounding() -> str:
    quarter = qe.affine.multiplier_and_shift(0.25)
    acc = np.arange(-14, 15)
    drawn = []
    for place, (profile, color) in enumerate(
        ((Profile.REFERENCE, ORANGE), (Profile.OPTIMIZED, GREEN), (Profile.XNNPACK, BLUE))
    ):
        panel = Panel((-3.6, 3.6), (-3.8, 3.8), 28, 250)
        left, width = MARGIN[0] + place * 210, 190
        panel.at = _narrow(panel, left, width)  # type: ignore[method-assign]
        q = requantize(acc, *quarter, 0, profile=profile)
        panel.path([-3.5, 3.5], [-3.5, 3.5], GRAY, 1, dash="4 4")
        for a, value in zip(acc, q, strict=True):
            tie = a % 4 == 2
            panel.dot(a / 4, float(value), RED if tie else color)
        panel.say(0, -3.8, profile.value, color, "middle", dy=20)
        drawn.append("".join(panel.parts))
    names = "".join(
        f'<text x="{MARGIN[0] + i * 210 + 95}" y="316" text-anchor="middle">{text}</text>'
        for i, text in enumerate(("ties away from zero", "ties up", "ties to even"))
    )
    return picture(330, "Three ways to round: the red dots are ties, halfway between two integers", *drawn, names)


def _narrow(panel: Panel, left: float, width: float) -> Callable[[str, float], float]:
    def at(axis: str, value: float) -> float:
        low, high = panel.reach[axis]
        share = (value - low) / (high - low)
        return left + share * width if axis == "x" else panel.top + panel.height * (1 - share)

    return at


def activations() -> np.ndarray[Any, np.dtype[np.float32]]:
    """What chapter 6 calibrates: mostly small numbers, and a long tail."""
    rng = np.random.default_rng(0)
    return np.where(rng.random(20_000) < 0.999, rng.normal(0, 1, 20_000), rng.normal(0, 9, 20_000)).astype(np.float32)


def sqnr(real: np.ndarray[Any, Any], bound: float, bits: int = 8) -> float:
    """dB of symmetric quantization that clips at +-bound."""
    scale, point = qe.affine.parameters(-bound, bound, bits=bits, symmetric=True)
    near = qe.affine.dequantize(qe.affine.quantize(real, scale, point, np.int8, bits=bits), scale, point)
    return 10 * math.log10(float((real**2).sum()) / float(((near - real) ** 2).sum()))


def clipping() -> str:
    real = activations()
    bounds = np.linspace(1.0, float(np.abs(real).max()) * 1.05, 80)
    panel = Panel((0, float(bounds[-1])), (10, 30), 28, 220)
    for bits, color in ((8, BLUE), (6, GREEN), (4, ORANGE)):
        db = [sqnr(real, float(bound), bits) for bound in bounds]
        keep = [i for i, value in enumerate(db) if value >= 10]
        panel.path(bounds[keep], np.array(db)[keep], color)
        best = int(np.argmax(db))
        panel.dot(float(bounds[best]), db[best], color)
        panel.say(float(bounds[best]), db[best], f"{bits} bits", color, "middle", dy=-9)
    said = numbers(*range(0, int(bounds[-1]) + 1, 10))
    return picture(
        312,
        "Signal to noise against where values are clipped, for 8, 6 and 4 bits; dots mark the best place",
        panel.drawn(said, numbers(10, 20, 30), "values are clipped at ±", "SQNR, dB"),
    )


def straight_through() -> str:
    x = np.linspace(-2.2, 3.2, 541).astype(np.float32)
    y = qe.affine.fake_quant(x, -1.0, 2.0, bits=3)
    ones = np.ones_like(x)
    slope, _, _ = qe.affine.fake_quant_gradient(ones, x, -1.0, 2.0, bits=3)
    above = Panel((-2.2, 3.2), (-1.5, 2.5), 28, 150)
    above.path(x, np.clip(x, y.min(), y.max()), ORANGE, 1.5, dash="5 4")
    above.path(x, y, BLUE)
    above.say(-2.1, 2.2, "the staircase that runs", BLUE)
    above.say(-2.1, 1.6, "the clamp whose slope is taken", ORANGE)
    below = Panel((-2.2, 3.2), (-0.2, 1.3), 244, 80)
    below.path(x, slope, ORANGE)
    ticks = numbers(-2, -1, 0, 1, 2, 3)
    return picture(
        362,
        "Fake quantization to 3 bits over the range from -1 to 2, and the gradient that is used instead of its own",
        above.drawn(ticks, numbers(-1, 0, 1, 2), "x", "fake_quant(x)"),
        below.drawn(ticks, numbers(0, 1), "x", "gradient that passes"),
    )


def digits_network() -> qe.Model:
    """The network of chapter 8."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return rng.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)

    b = qe.Builder("digits")
    conv, pool = (
        ops.Conv2D(stride_w=1, stride_h=1),
        ops.MaxPool2D(stride_w=2, stride_h=2, filter_width=2, filter_height=2),
    )
    y = b.input("image", (1, 8, 8, 1))
    y = b.add(conv, [y, normal(16, 3, 3, 1), np.zeros(16, np.float32)], name="strokes")
    y = b.add(pool, [y], name="pooled")
    y = b.add(conv, [y, normal(32, 3, 3, 16), np.zeros(32, np.float32)], name="shapes")
    y = b.add(ops.Reshape(), [y, [1, -1]], name="flat")
    return b.model([b.add(ops.FullyConnected(), [y, normal(10, 512), np.zeros(10, np.float32)], name="scores")])


def sensitive() -> str:
    from qengine.digits import load_digits

    train, _ = load_digits()
    model, samples = digits_network(), train.images[:100]
    kinds = {
        "int4 weights": ({"recipe": "static_wi4_ai8"}, ORANGE),
        "int8": ({"recipe": "static_wi8_ai8"}, BLUE),
        "int8 weights, int16 activations": ({"recipe": "static_wi8_ai16"}, GREEN),
    }
    panel = Panel((0, 4), (0, 80), 28, 220)
    names = ["strokes", "pooled", "shapes", "scores"]
    for place, (said, (settings, color)) in enumerate(kinds.items()):
        report = qe.quantize(model, representative_dataset=samples, measure=16, **settings).report
        found = {layer.name: layer.sqnr for layer in report.layers}
        for i, name in enumerate(names):
            panel.bar(i + 0.17 + 0.22 * place, i + 0.37 + 0.22 * place, 0, float(found[name] or 0), color)
        panel.say(0.1 + 1.15 * place, 77, said, color)
    return picture(
        300,
        "Signal to noise of the digits network's layers in three recipes",
        panel.drawn([(i + 0.5, name) for i, name in enumerate(names)], numbers(0, 20, 40, 60), "", "SQNR, dB"),
    )


FIGURES: dict[str, Callable[[], str]] = {
    "staircase": staircase,
    "channels": channels,
    "accumulator": accumulator,
    "multiplier": multiplier,
    "rounding": rounding,
    "clipping": clipping,
    "straight_through": straight_through,
    "sensitive": sensitive,
}


def stale(text: str, other: str) -> bool:
    """Whether two figures differ by more than a last digit: processors round sums of floats differently."""
    if len(text.split()) != len(other.split()):
        return True
    return _shape(text) != _shape(other)


def _shape(text: str) -> str:
    return "".join(character for character in text if not (character.isdigit() or character in ".-"))


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    wrong = []
    for name, draw in FIGURES.items():
        made, path = draw(), FOLDER / f"{name}.svg"
        if "--check" in sys.argv:
            if not path.is_file() or stale(made, path.read_text(encoding="utf-8")):
                wrong.append(path.name)
        else:
            path.write_text(made, encoding="utf-8")
    sys.exit(f"stale: {', '.join(wrong)}: run docs/make_figures.py" if wrong else 0)
