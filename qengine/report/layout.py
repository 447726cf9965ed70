"""Where the nodes of a graph are drawn: in rows from the inputs down, its lines crossing as little as sweeps allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SWEEPS = 6


@dataclass(frozen=True)
class Place:
    """column: in widths of a node, from 0; row: from 0, inputs first."""

    column: float
    row: int


@dataclass(frozen=True)
class Layout:
    """places: of each node. edges: from, to, and the places that the line passes through on its way."""

    places: tuple[Place, ...]
    edges: tuple[tuple[int, int, tuple[Place, ...]], ...]
    columns: float
    rows: int


def layout(count: int, edges: Sequence[tuple[int, int]]) -> Layout:
    """Places for nodes 0 to count - 1; edges (from, to) go from a smaller number to a greater.

    A node's row is the longest way to it. A line that passes rows has a place of its own in each, so that it goes
    around nodes; rows are sorted by the middle of what they hang on, down and up in turn.
    """
    rows = [0] * count
    for start, end in sorted(set(edges), key=lambda edge: edge[1]):
        rows[end] = max(rows[end], rows[start] + 1)
    height = max(rows, default=-1) + 1
    members: list[list[int]] = [[] for _ in range(height)]
    for node, row in enumerate(rows):
        members[row].append(node)
    links: list[tuple[int, int]] = []
    ways: dict[tuple[int, int], list[int]] = {}
    row_of = dict(enumerate(rows))
    for start, end in dict.fromkeys(edges):
        way, at = [], start
        for row in range(rows[start] + 1, rows[end]):
            bend = len(row_of)
            row_of[bend] = row
            members[row].append(bend)
            links.append((at, bend))
            way.append(bend)
            at = bend
        links.append((at, end))
        ways[start, end] = way
    columns = _columns(members, links)
    left = min(columns.values(), default=0.0)
    places = {node: Place(columns[node] - left, row) for node, row in row_of.items()}
    return Layout(
        tuple(places[node] for node in range(count)),
        tuple((*edge, tuple(places[bend] for bend in way)) for edge, way in ways.items()),
        max((place.column for place in places.values()), default=0.0) + 1,
        height,
    )


def _columns(members: list[list[int]], links: list[tuple[int, int]]) -> dict[int, float]:
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for start, end in links:
        above.setdefault(end, []).append(start)
        below.setdefault(start, []).append(end)
    columns = {node: float(i) - (len(row) - 1) / 2 for row in members for i, node in enumerate(row)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        for row in members if down else members[::-1]:
            wished = {node: _middle([columns[other] for other in neighbours.get(node, [node])]) for node in row}
            row.sort(key=lambda node: (wished[node], columns[node]))
            _spread(row, wished, columns)
    return columns


def _middle(values: list[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _spread(row: list[int], wished: dict[int, float], columns: dict[int, float]) -> None:
    """Places a row's nodes in their order as near to where they want to be as a distance of 1 allows: neighbours that
    are too near become a block, which lies at the mean of what its members want."""
    blocks: list[tuple[float, list[int]]] = []
    for node in row:
        start, block = wished[node], [node]
        while blocks and blocks[-1][0] + len(blocks[-1][1]) > start:
            _, before = blocks.pop()
            block = before + block
            start = sum(wished[member] - i for i, member in enumerate(block)) / len(block)
        blocks.append((start, block))
    for start, block in blocks:
        for i, node in enumerate(block):
            columns[node] = start + i
