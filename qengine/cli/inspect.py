"""`qengine inspect`: what is in a file, and what of it can't run."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from ..kernels.profile import Profile
from ..summary import GraphFacts, NodeFacts, Plan, Summary, TensorFacts, plan, summarize
from ..tflite import load
from .options import json_option, model_argument, profile_option, threads_option
from .text import console, shape_text, size_text, table


@click.command()
@model_argument
@profile_option
@json_option
@click.option("--nodes", is_flag=True, help="List every node with what would run for it.")
@click.option("--tensors", is_flag=True, help="List every tensor with its quantization.")
@click.option(
    "--plan", "planned", is_flag=True, help="Show how the first graph would run: kernels, bytes, native calls."
)
@threads_option
def command(path: Path, profile: str, as_json: bool, nodes: bool, tensors: bool, planned: bool, threads: int) -> int:
    """Say what MODEL is made of: operators, tensors, quantization, size, and what is unsupported.

    Exit status 1 where a node can't be prepared.
    """
    model = load(path)
    summary = summarize(model, Profile(profile))
    found = plan(model, Profile(profile), threads) if planned and not summary.unsupported else None
    size = path.stat().st_size
    if as_json:
        facts = as_dictionary(path, size, summary)
        click.echo(json.dumps(facts if found is None else {**facts, "plan": asdict(found)}, indent=1))
    else:
        show(path, size, summary, nodes=nodes, tensors=tensors)
        if found is not None:
            show_plan(found)
    return 1 if summary.unsupported else 0


def as_dictionary(path: Path, size: int, summary: Summary) -> dict[str, Any]:
    counts = Counter(node.operator for graph in summary.graphs for node in graph.nodes)
    return {
        "file": str(path),
        "size": size,
        "operators": dict(sorted(counts.items())),
        "macs": sum(node.macs for graph in summary.graphs for node in graph.nodes),
        "unsupported": [{"operator": node.operator, "problem": node.problem} for node in summary.unsupported],
        **asdict(summary),
    }


def show(path: Path, size: int, summary: Summary, *, nodes: bool, tensors: bool) -> None:
    out = console()
    out.print(f"[bold]{escape(path.name)}[/bold]  {size_text(size)}  {escape(summary.description or '')}".rstrip())
    for signature in summary.signatures:
        inputs, outputs = (", ".join(signature[end]) for end in ("inputs", "outputs"))
        out.print(f"signature {signature['key']}: {inputs} -> {outputs}", markup=False)
    for graph in summary.graphs:
        if len(summary.graphs) > 1:
            out.print(f"\n[bold]graph {graph.index}[/bold] {escape(graph.name or '')}")
        tables = [_ends(graph), _operators(graph), _storage(graph)]
        tables += [_nodes(graph)] if nodes else []
        tables += [_tensors(graph)] if tensors else []
        for part in tables:
            out.print()
            out.print(part)
    out.print()
    for node in summary.unsupported:
        out.print(f"[red]cannot run[/red] {escape(node.problem or '')}", soft_wrap=True)
    if not summary.unsupported:
        out.print(f"every node can be prepared in the profile {summary.profile}")


def show_plan(found: Plan) -> None:
    """Node by node, a line between the calls that a run is split into."""
    out = console()
    columns = ("bytes", "MACs")
    rows = table("node", "operator", "kernel", *columns, "call", "why", right=("node", *columns, "call"))
    before = None
    for node in found.nodes:
        if node.call is not None and before is not None and node.call != before:
            rows.add_section()
        before = before if node.call is None else node.call
        macs, call = f"{node.macs:,}" if node.macs else "", "" if node.call is None else str(node.call)
        kernel, why = escape(node.kernel), escape(node.why)
        rows.add_row(str(node.index), escape(node.operator), kernel, f"{node.bytes:,}", macs, call, why)
    out.print()
    out.print(rows)
    native = [call for call in found.calls if call.native]
    steps, by_numpy = sum(len(call.nodes) for call in native), len(found.calls) - len(native)
    threads = max((call.threads for call in native), default=1)
    out.print(
        f"\n{len(native)} native calls of {steps} nodes ({sum(call.rows for call in native)} rows), "
        f"{by_numpy} nodes by NumPy; kernels {escape(found.variant)}, {threads} threads; "
        f"{size_text(found.arena)} for activations, {size_text(found.packed)} of packed constants"
    )


def _ends(graph: GraphFacts) -> Table:
    rows = table("", "tensor", "type", "shape", "quantization")
    for end, indices in (("input", graph.inputs), ("output", graph.outputs)):
        for tensor in (graph.tensors[i] for i in indices):
            shape = shape_text(tensor.shape, tensor.shape_signature)
            name = escape(tensor.name or f"#{tensor.index}")
            rows.add_row(end, name, tensor.type, shape, quantization_text(tensor))
    return rows


def _operators(graph: GraphFacts) -> Table:
    rows = table("operator", "version", "count", "types", "MACs", "", right=("version", "count", "MACs"))
    groups: dict[tuple[str, int | None, str], list[NodeFacts]] = {}
    for node in graph.nodes:
        taken = _joined(["-" if i < 0 else graph.tensors[i].type for i in node.inputs])
        given = _joined([graph.tensors[i].type for i in node.outputs])
        groups.setdefault((node.operator, node.version, f"{taken} -> {given}"), []).append(node)
    for (operator, version, types), group in groups.items():
        refused = sum(node.problem is not None for node in group)
        macs = sum(node.macs for node in group)
        mark = f"[red]{refused} unsupported[/red]" if refused else ""
        rows.add_row(escape(operator), str(version or ""), str(len(group)), types, f"{macs:,}" if macs else "", mark)
    return rows


def _joined(types: list[str]) -> str:
    """Types in order, repeated ones counted: a concatenation may have hundreds."""
    runs: list[tuple[str, int]] = []
    for name in types:
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1] + 1)
        else:
            runs.append((name, 1))
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in runs)


def _storage(graph: GraphFacts) -> Table:
    rows = table("tensors", "type", "count", "bytes in the file", "quantized by", right=("count", "bytes in the file"))
    groups: dict[tuple[str, str], list[TensorFacts]] = {}
    for tensor in graph.tensors:
        groups.setdefault((tensor.role, tensor.type), []).append(tensor)
    for (role, type_), group in sorted(groups.items()):
        kinds = Counter(_granularity(tensor) for tensor in group)
        by = ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items()) if kind)
        total = sum(tensor.size for tensor in group)
        rows.add_row(role, type_, str(len(group)), f"{total:,}" if total else "", by)
    return rows


def _granularity(tensor: TensorFacts) -> str:
    return "" if not tensor.scales else "tensor" if len(tensor.scales) == 1 else "channel"


def _nodes(graph: GraphFacts) -> Table:
    rows = table("node", "operator", "inputs", "outputs", "kernel", "why")
    for node in graph.nodes:
        kernel = "known while running" if node.late else node.kernel or "[red]none[/red]"
        taken, given = (" ".join(map(str, part)) for part in (node.inputs, node.outputs))
        rows.add_row(str(node.index), escape(node.operator), taken, given, kernel, escape(node.why))
    return rows


def _tensors(graph: GraphFacts) -> Table:
    rows = table("tensor", "name", "role", "type", "shape", "quantization")
    for tensor in graph.tensors:
        shape = shape_text(tensor.shape, tensor.shape_signature)
        row = (tensor.role, tensor.type, shape, quantization_text(tensor))
        rows.add_row(str(tensor.index), escape(tensor.name or ""), *row)
    return rows


def quantization_text(tensor: TensorFacts) -> str:
    """`0.0235 * (q + 128)` of a tensor; how many scales along which axis where there are more."""
    if not tensor.scales:
        return ""
    if len(tensor.scales) > 1:
        reach = f"{min(tensor.scales):.3g} to {max(tensor.scales):.3g}"
        return f"{len(tensor.scales)} scales along axis {tensor.axis}, {reach}"
    point = tensor.zero_points[0] if tensor.zero_points else 0
    q = f"(q {'-' if point > 0 else '+'} {abs(point)})" if point else "q"
    return f"{tensor.scales[0]:.9g} * {q}"
