"""The page's pictures, as SVG: histograms under their grid, bars, scales by channel, the graph."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from .facts import Distribution, Grid, Layer, ModelReport, TensorFacts
from .layout import Place, layout

WIDTH, HEIGHT = 640, 132
TICKS = 64
"""Lines of a grid, at most: of more levels every 2nd, 4th, ... is drawn."""
BOX = (148, 40, 26, 22)
"""Of a node in the graph: width, height, the gap beside and below it."""


def number(value: float, digits: int = 4) -> str:
    """A number as people write it: few digits, no exponent where it isn't needed, a real minus sign."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 1e6 or size < 1e-4:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}·10{_raised(int(exponent))}".replace("-", "−")
    text = f"{value:,.0f}" if size >= 10 ** (digits - 1) else f"{value:.{digits}g}"
    if "e" in text:
        text = f"{value:.{digits + 4}f}".rstrip("0")
    return text.replace("-", "−")


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def quality(db: float | None) -> str:
    """The class of an SQNR: below 10 dB an error of a third and more, above 30 dB one of less than 3 %."""
    if db is None or math.isnan(db):
        return "none"
    return "exact" if db == math.inf else "bad" if db < 10 else "weak" if db < 20 else "fair" if db < 30 else "good"


def histogram(tensor: TensorFacts, label: str) -> str:
    """What a tensor held as bars, its float counterpart as a line, the grid's levels as ticks, and what lies beyond the
    grid shaded. Heights are square roots of counts, so that few values are seen beside many; a bar that stands far
    above all others is cut."""
    values = tensor.values
    assert values is not None
    start, stop = values.start, values.stop
    peak = max(_peak(side.counts) for side in (values, tensor.wanted) if side is not None)
    base = HEIGHT - 26
    parts = [f'<svg class="hist" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">']
    if tensor.grid is not None:
        parts += _grid(tensor.grid, start, stop, base)
    parts.append(f'<path class="own" d="{_bars(values, peak, base)}"/>')
    if tensor.wanted is not None:
        parts.append(f'<path class="wanted" d="{_outline(tensor.wanted, peak, base)}"/>')
    parts += _cuts(values, peak, base)
    parts.append(f'<line class="axis" x1="0" y1="{base}.5" x2="{WIDTH}" y2="{base}.5"/>')
    parts += _labels(start, stop, base)
    parts.append("</svg>")
    return "".join(parts)


def _peak(counts: Sequence[int]) -> int:
    """What reaches the top: the highest bar, or twice the next one where that is less than a fifth of it."""
    first, second = sorted((0, 0, *counts))[:-3:-1]
    return max(2 * second if 0 < 5 * second < first else first, 1)


def _cuts(distribution: Distribution, peak: int, base: int) -> Iterable[str]:
    """Marks on the bars that go on beyond the top."""
    step = WIDTH / len(distribution.counts)
    for i, n in enumerate(distribution.counts):
        if n > peak:
            yield f'<path class="cut" d="M{i * step - 2:.1f} 20l{step + 4:.1f} -5v4l{-step - 4:.1f} 5z"/>'


def _x(value: float, start: float, stop: float) -> float:
    return (value - start) / (stop - start) * WIDTH


def _grid(grid: Grid, start: float, stop: float, base: int) -> Iterable[str]:
    left, right = (_x(v, start, stop) for v in (grid.low - grid.scale / 2, grid.high + grid.scale / 2))
    for x, width in ((0.0, left), (right, WIDTH - right)):
        if width > 0.5:
            yield f'<rect class="beyond" x="{x:.1f}" y="4" width="{width:.1f}" height="{base - 4}"/>'
    every = 1
    while grid.levels / every > TICKS:
        every *= 2
    levels = range(0, grid.levels, every)
    xs = (_x(grid.low + grid.scale * level, start, stop) for level in levels)
    yield f'<path class="grid" d="{"".join(f"M{x:.1f} 4V{base}" for x in xs)}"/>'
    zero = _x(0.0, start, stop)
    yield f'<line class="zero" x1="{zero:.1f}" y1="4" x2="{zero:.1f}" y2="{base}"/>'


def _heights(distribution: Distribution, peak: int, base: int) -> list[float]:
    return [math.sqrt(min(n / peak, 1.0)) * (base - 8) for n in distribution.counts]


def _bars(distribution: Distribution, peak: int, base: int) -> str:
    step = WIDTH / len(distribution.counts)
    gap = min(1.0, step * 0.15)
    bars = enumerate(_heights(distribution, peak, base))
    return "".join(
        f"M{i * step + gap / 2:.1f} {base}v{-max(h, 1.5):.1f}h{step - gap:.1f}v{max(h, 1.5):.1f}z" for i, h in bars if h
    )


def _outline(distribution: Distribution, peak: int, base: int) -> str:
    step = WIDTH / len(distribution.counts)
    line = "".join(f"V{base - h:.1f}H{(i + 1) * step:.1f}" for i, h in enumerate(_heights(distribution, peak, base)))
    return f"M0 {base}{line}V{base}"


def _labels(start: float, stop: float, base: int) -> Iterable[str]:
    """Round numbers along the axis."""
    raw = (stop - start) / 6
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= raw)
    for i in range(math.ceil(start / step), math.floor(stop / step) + 1):
        x = _x(i * step, start, stop)
        anchor = "start" if x < 18 else "end" if x > WIDTH - 18 else "middle"
        yield f'<line class="axis" x1="{x:.1f}" y1="{base}" x2="{x:.1f}" y2="{base + 4}"/>'
        yield f'<text x="{x:.1f}" y="{base + 18}" text-anchor="{anchor}">{number(i * step, 3)}</text>'


def channels(scales: Sequence[float]) -> str:
    """One bar a channel, as high as its scale; many channels share a bar, as high as the greatest."""
    group = max(1, -(-len(scales) // 256))
    tops = [max(scales[i : i + group]) for i in range(0, len(scales), group)]
    step, peak = WIDTH / len(tops), max(tops)
    gap = min(1.0, step * 0.2)
    bars = "".join(
        f"M{i * step + gap / 2:.1f} 48v{-top / peak * 44:.1f}h{step - gap:.1f}v{top / peak * 44:.1f}z"
        for i, top in enumerate(tops)
    )
    label = f"{len(scales)} scales, from {number(min(scales))} to {number(peak)}"
    return (
        f'<svg class="hist" viewBox="0 0 {WIDTH} 50" role="img" aria-label="{label}"><path class="scales" d="{bars}"/>'
        f'<line class="axis" x1="0" y1="48.5" x2="{WIDTH}" y2="48.5"/></svg>'
    )


def graph(report: ModelReport) -> str:
    """The network, from its inputs down; each node is a link to its layer, colored by what it loses."""
    ends = [tensor.name for tensor in report.inputs] if any(-1 in layer.before for layer in report.layers) else []
    first = 1 if ends else 0
    edges = [
        (0 if before < 0 else before + first, layer.node + first) for layer in report.layers for before in layer.before
    ]
    found = layout(len(report.layers) + first, edges)
    width, height, beside, below = BOX
    across, down = found.columns * (width + beside) + beside, found.rows * (height + below) + below

    def corner(place: Place) -> tuple[float, float]:
        return beside + place.column * (width + beside), below / 2 + place.row * (height + below)

    parts = [
        f'<svg class="graph" viewBox="0 0 {across:.0f} {down:.0f}" width="{across:.0f}" height="{down:.0f}" '
        'role="group" aria-label="The network">'
    ]
    for start, end, way in found.edges:
        parts.append(f'<path class="edge" d="{_line(start, end, way, found.places, corner)}"/>')
    if first:
        x, y = corner(found.places[0])
        title = ends[0] if len(ends) == 1 else f"{len(ends)} inputs"
        parts.append(_box(x, y, "input", "input", title))
    for layer in report.layers:
        x, y = corner(found.places[layer.node + first])
        box = _box(x, y, quality(layer.sqnr_db), layer.operator, layer.name)
        said = escape(f"{layer.operator} {layer.name}{_spoken(layer)}")
        parts.append(f'<a href="#layer-{layer.node}" aria-label="{said}"><title>{said}</title>{box}</a>')
    return "".join([*parts, "</svg>"])


def _spoken(layer: Layer) -> str:
    if layer.sqnr_db is None:
        return ""
    return ", exact" if layer.sqnr_db == math.inf else f", {layer.sqnr_db:.1f} dB"


def _box(x: float, y: float, kind: str, title: str, name: str) -> str:
    width, height, *_ = BOX
    return (
        f'<rect class="node {kind}" x="{x:.1f}" y="{y:.1f}" width="{width}" height="{height}" rx="7"/>'
        f'<rect class="mark {kind}" x="{x:.1f}" y="{y + 7:.1f}" width="4" height="{height - 14}" rx="2"/>'
        f'<text class="op" x="{x + 13:.1f}" y="{y + 17:.1f}">{escape(_cut(title.lower().replace("_", " "), 21))}</text>'
        f'<text class="name" x="{x + 13:.1f}" y="{y + 31:.1f}">{escape(_cut(name, 22))}</text>'
    )


def _cut(text: str, length: int) -> str:
    """A converter's name names all that was fused: its end says most."""
    return text if len(text) <= length else f"…{text[-length + 1 :]}"


def _line(start: int, end: int, way: Sequence[Place], places: Sequence[Place], corner: object) -> str:
    assert callable(corner)
    width, height, _, below = BOX
    x, y = corner(places[start])
    path = f"M{x + width / 2:.1f} {y + height:.1f}"
    y += height
    x += width / 2
    for place in (*way, places[end]):
        nx, ny = corner(place)
        nx += width / 2
        path += f"C{x:.1f} {y + below / 2:.1f} {nx:.1f} {ny - below / 2:.1f} {nx:.1f} {ny:.1f}"
        x, y = nx, ny
        if place is not places[end]:
            y += height
            path += f"V{y:.1f}"
    return path
