"""The report as one page of HTML: nothing is loaded from elsewhere, and without scripts all of it is still there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from .drawing import channels, graph, histogram, number, quality
from .facts import Layer, ModelReport, TensorFacts

FULL = 60.0
"""dB of a bar's whole length."""


def page_of(report: ModelReport) -> str:
    """The whole page."""
    style, script = (files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    title = escape(report.name)
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f'<meta name="generator" content="qengine">\n<title>{title}: quantization report</title>\n',
            '<link rel="icon" href="data:,">\n',
            f'<style>\n{style}</style>\n</head>\n<body>\n<a class="skip" href="#layers">To the layers</a>\n',
            f'<div class="frame">\n{_head(report)}\n<nav class="map" aria-label="The network">',
            '<h2>The network</h2><div class="pane" tabindex="0" role="region" aria-label="Graph">',
            f"{graph(report)}</div>",
            f"</nav>\n<main>\n{_notice(report)}\n{_table(report)}\n",
            '<h2 id="layers">Layer by layer</h2>\n',
            _how(report),
            "\n".join(_article(layer) for layer in report.layers),
            f"\n</main>\n{_foot(report)}\n</div>\n<script>\n{script}</script>\n</body>\n</html>\n",
        ]
    )


def size_text(size: float) -> str:
    """Bytes below 10 kB, else kB or MB, decimal."""
    if size < 10_000:
        return f"{size:,.0f} B"
    return f"{size / 1e3:.1f} kB" if size < 1_000_000 else f"{size / 1e6:.2f} MB"


def decibel(value: float | None) -> str:
    if value is None:
        return "–"
    return "exact" if value == math.inf else f"{value:.1f} dB".replace("-", "−")


def share(value: float) -> str:
    """A part of one in percent."""
    return "none" if value == 0 else "< 0.01 %" if value < 1e-4 else f"{100 * value:.2g} %"


def _head(report: ModelReport) -> str:
    made = f"{report.samples} samples"
    if report.drawn:
        made += " of random numbers, which say little of real inputs (<code>--data</code> takes yours)"
    beside = "" if report.against is None else f" beside <strong>{escape(report.against[0])}</strong>"
    facts = [("Size", size_text(report.size), _ratio(report))]
    facts += [("Layers", str(len(report.layers)), "")]
    facts += [("Parameters", f"{report.parameters:,}", "")]
    if report.macs:
        facts += [("Multiply-accumulates", _big(report.macs), "per run")]
    for layer in report.ends[:3]:
        if layer.sqnr_db is not None:
            named = layer.name if len(layer.name) < 28 else f"…{layer.name[-26:]}"
            facts.append(("Output SQNR", decibel(layer.sqnr_db), escape(named)))
    rows = "".join(f"<div><dt>{term}</dt><dd>{value} <small>{more}</small></dd></div>" for term, value, more in facts)
    return (
        '<header><div class="top"><span>qengine report</span>'
        '<button type="button" class="theme" hidden aria-label="Change the theme">Dark</button></div>'
        f"<h1>{escape(report.name)}</h1>"
        f'<p class="lead">{_kinds(report)}{beside}, run in the profile {report.profile} on {made}.</p>'
        f'<dl class="facts">{rows}</dl></header>'
    )


def _big(value: int) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g} {unit}"
    return f"{value:,}"


def _ratio(report: ModelReport) -> str:
    return "" if report.against is None else f"{report.size / report.against[1]:.0%} of {size_text(report.against[1])}"


def _kinds(report: ModelReport) -> str:
    kinds = dict.fromkeys(tensor.type.lower() for layer in report.layers for tensor in layer.outputs)
    text = ", ".join(kinds) or "empty"
    return f"{escape(text)} network" + (f", the first of {report.graphs} graphs," if report.graphs > 1 else "")


def _notice(report: ModelReport) -> str:
    """What to look at first, in sentences."""
    found = [*(f"<li>{text}</li>" for text in _worth_a_look(report))]
    found += [f'<li class="calm">{text}</li>' for text in _worth_knowing(report)]
    items = "".join(found or ['<li class="calm">Nothing stands out.</li>'])
    return f'<h2>What to look at</h2><ul class="notice">{items}</ul>'


def _worth_a_look(report: ModelReport) -> Iterable[str]:
    for layer in report.worst(3):
        if layer.local_db is not None and layer.local_db < 25:
            yield f"{_link(layer)} loses most by itself: {decibel(layer.local_db)} on exact inputs."
    clipping = [layer for layer in report.layers if layer.clipped is not None and layer.clipped > 1e-3]
    for layer in sorted(clipping, key=lambda layer: -(layer.clipped or 0))[:2]:
        yield f"{_link(layer)} clips {share(layer.clipped or 0)} of its values: its range is too small."
    idle = {layer.node: reach for layer in report.layers if (reach := _reach(layer)) < 0.25 and not report.drawn}
    for node in sorted(idle, key=lambda node: idle[node])[:3]:
        yield f"{_link(report.layers[node])} uses {share(idle[node])} of its range: its grid is too coarse."


def _worth_knowing(report: ModelReport) -> Iterable[str]:
    floats = [layer for layer in report.layers if layer.outputs and layer.outputs[0].type.startswith("FLOAT")]
    if floats and len(floats) < len(report.layers):
        more = f" and {len(floats) - 4} more" if len(floats) > 4 else ""
        yield f"In float: {', '.join(_link(layer) for layer in floats[:4])}{more}."
    if report.against is None:
        yield (
            "There is no float model to hold it against (<code>--against</code>), so that nothing here says how good "
            "its answers are."
        )


def _reach(layer: Layer) -> float:
    """The part of its grid's range that a layer's output spans; 1 where there is no grid, or one value only."""
    tensor = layer.outputs[0] if layer.outputs else None
    if tensor is None or tensor.grid is None or tensor.values is None or tensor.used in (None, 1):
        return 1.0
    return (tensor.values.high - tensor.values.low) / (tensor.grid.high - tensor.grid.low)


def _link(layer: Layer) -> str:
    operator = layer.operator.lower().replace("_", " ")
    return f'<a href="#layer-{layer.node}">{escape(operator)} {layer.node}</a> <code>{escape(layer.name)}</code>'


def _bar(value: float, kind: str, text: str, tick: float | None = None) -> str:
    mark = "" if tick is None else f'<u style="left:calc({100 * min(max(tick, 0), 1):.1f}% - 1px)"></u>'
    filled = f'<b class="{kind}" style="width:{100 * min(max(value, 0), 1):.1f}%"></b>'
    return f'<div class="bar"><i aria-hidden="true">{filled}{mark}</i><span>{text}</span></div>'


def _table(report: ModelReport) -> str:
    against = report.against is not None
    largest = max((layer.size for layer in report.layers), default=0) or 1
    head = '<th data-sort="n" class="r">#</th><th>Layer</th>'
    if against:
        head += '<th data-sort="n">SQNR</th><th data-sort="n" class="r">Clipped</th>'
    head += '<th>Type</th><th data-sort="n">Size</th>'
    rows = []
    for layer in report.layers:
        operator = escape(layer.operator.lower().replace("_", " "))
        cells = f'<td class="r" data-value="{layer.node}">{layer.node}</td><td><a href="#layer-{layer.node}">{operator}'
        cells += f'<span class="name" title="{escape(layer.name)}"><bdi>{escape(layer.name)}</bdi></span></a></td>'
        if against:
            db = layer.sqnr_db
            order = 1e9 if db is None else min(max(db, -1e6), 1e6)
            local = None if layer.local_db is None else layer.local_db / FULL
            bar = "–" if db is None else _bar(db / FULL, quality(db), decibel(db), local)
            clipped = "" if layer.clipped is None else share(layer.clipped)
            cells += f'<td data-value="{order:.6g}">{bar}</td>'
            cells += f'<td class="r" data-value="{layer.clipped or 0:.6g}">{clipped}</td>'
        types = dict.fromkeys(tensor.type.lower() for tensor in layer.outputs)
        size = _bar(layer.size / largest, "size", size_text(layer.size)) if layer.size else ""
        cells += f'<td>{", ".join(types)}</td><td data-value="{layer.size}">{size}</td>'
        rows.append(f"<tr>{cells}</tr>")
    says = (
        "<p class='note'>SQNR is the ratio of signal to quantization noise in the whole run, up to 60 dB; the tick is "
        "the layer by itself, on inputs without error. 20 dB is an error of a tenth, 40 dB of a hundredth.</p>"
        if against
        else ""
    )
    rest = f"<p class='note'>Constants take {size_text(report.size - report.rest)}; the other {size_text(report.rest)} "
    rest += "of the file are names, shapes and scales.</p>"
    return (
        f'<h2>At a glance</h2>{says}<div class="scroll" tabindex="0" role="region" aria-label="Layers"><table '
        f'class="sortable"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>{rest}'
    )


def _how(report: ModelReport) -> str:
    keys = [("var(--own)", "what the layer gives"), ("var(--grid)", "levels of the grid")]
    if report.against is not None:
        keys[1:1] = [("var(--wanted)", "what the float network gives")]
        keys.append(("var(--beyond)", "beyond the grid: clipped"))
    items = "".join(f'<li><span style="background:{color}"></span>{text}</li>' for color, text in keys)
    return (
        "<p class='note'>A histogram's heights are square roots of counts, so that few values can be seen beside many; "
        "a bar far above all others is cut. The dashed line is the real zero. Weights with a scale for each channel "
        f"are shown in steps of these.</p><ul class='key'>{items}</ul>"
    )


def _article(layer: Layer) -> str:
    found = quality(layer.sqnr_db)
    operator = escape(layer.operator.lower().replace("_", " "))
    judged = ""
    if layer.sqnr_db is not None:
        alone = "" if layer.local_db is None else f", by itself {decibel(layer.local_db)}"
        judged = f'<span class="quality {found}">{decibel(layer.sqnr_db)}{alone}</span>'
    parts = [f'<article id="layer-{layer.node}"><header><h3><span class="number">{layer.node}</span>{operator}</h3>']
    parts.append(f'{judged}<span class="where">{escape(layer.name)}</span></header>')
    terms = "".join(f"<div><dt>{term}</dt><dd>{said}</dd></div>" for term, said in _terms(layer))
    parts.append(f'<dl class="small">{terms}</dl>')
    parts += [_figure(x, "Output" if len(layer.outputs) == 1 else f"Output {x.name}") for x in layer.outputs]
    parts += [_figure(x, x.role) for x in layer.constants if x.values is not None and x.values.low < x.values.high]
    return "".join([*parts, "</article>"])


def _terms(layer: Layer) -> Iterable[tuple[str, str]]:
    if layer.outputs:
        tensor = layer.outputs[0]
        yield "Output", f"{tensor.type.lower()} {_shape(tensor.shape)}"
        if len(tensor.scales) == 1:
            yield "Scale", number(tensor.scales[0], 7)
            yield "Zero point", number(tensor.zero_points[0]) if tensor.zero_points else "0"
        if tensor.grid is not None:
            yield "Grid", f"{number(tensor.grid.low)} to {number(tensor.grid.high)}"
        if tensor.values is not None:
            yield "Seen", f"{number(tensor.values.low)} to {number(tensor.values.high)}"
        if tensor.wanted is not None:
            yield "Seen in float", f"{number(tensor.wanted.low)} to {number(tensor.wanted.high)}"
        if tensor.used is not None and tensor.grid is not None:
            yield "Levels used", f"{tensor.used:,} of {tensor.grid.levels:,}"
        if tensor.clipped is not None:
            yield "Clipped", share(tensor.clipped)
        elif tensor.saturated is not None:
            yield "At the grid's ends", share(tensor.saturated)
    if layer.max_lsb is not None:
        yield "Largest error", f"{number(layer.max_lsb, 3)} LSB"
    if layer.size:
        yield "Constants", size_text(layer.size)
    if layer.macs:
        yield "Multiply-accumulates", _big(layer.macs)
    yield "Kernel", escape(layer.kernel)


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _figure(tensor: TensorFacts, title: str) -> str:
    if tensor.values is None or tensor.values.total == 0:
        return ""
    values, many = tensor.values, len(tensor.scales) > 1 and tensor.role != "Bias"
    unit = " steps" if tensor.steps else ""
    text = f"{values.total:,} numbers from {number(values.low)} to {number(values.high)}{unit}"
    if tensor.role:
        text = f"<code>{escape(tensor.name)}</code>, {text}"
    if tensor.grid is not None and not tensor.steps:
        text += f"; {tensor.grid.levels:,} levels {number(tensor.grid.scale)} apart"
    if tensor.clipped:
        text += f"; {share(tensor.clipped)} clipped"
    label = f"Histogram of {title}: {re.sub('<.*?>', '', text)}"
    bins: dict[str, object] = {"start": values.start, "stop": values.stop, "own": values.counts, "unit": unit}
    bins["wanted"] = None if tensor.wanted is None else tensor.wanted.counts
    more = ""
    if many:
        more = (
            f'<figcaption style="margin-top:.8rem">{len(tensor.scales)} scales along axis {tensor.axis}, from '
            f"{number(min(tensor.scales))} to {number(max(tensor.scales))}</figcaption>{channels(tensor.scales)}"
        )
    data = escape(json.dumps(bins, separators=(",", ":")))
    return (
        f'<figure data-bins="{data}"><figcaption><strong>{escape(title)}</strong> {text}</figcaption>'
        f'{histogram(tensor, label)}<div class="read" aria-live="off"></div>{more}</figure>'
    )


def _foot(report: ModelReport) -> str:
    said = f" The file says of itself: {escape(report.description)}." if report.description else ""
    return f"<footer>Made by <code>qengine report</code>.{said}</footer>"
