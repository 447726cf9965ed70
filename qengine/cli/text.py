"""How the commands print: consoles, tables, shapes, sizes."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

UNCUT = 200


def console(*, quiet: bool = False) -> Console:
    """Standard output, as wide as the terminal; where it is no terminal, wide enough not to cut tables."""
    made = Console(highlight=False, quiet=quiet)
    return made if made.is_terminal else Console(highlight=False, quiet=quiet, width=UNCUT)


def table(*columns: str, right: tuple[str, ...] = (), title: str | None = None) -> Table:
    """A table without lines; `right` names the columns of numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left")
    return made


def shape_text(shape: Any, signature: Any = None) -> str:
    """`1x49x10x1`; what callers may change as `?`; `scalar` where there are no dimensions."""
    if shape is None:
        return "unknown"
    lengths = signature if signature and len(signature) == len(shape) else shape
    return "x".join("?" if length < 0 else str(length) for length in lengths) or "scalar"


def size_text(size: int) -> str:
    """Bytes below 10 kB, else kB or MB, decimal."""
    if size < 10_000:
        return f"{size} B"
    return f"{size / 1e3:.1f} kB" if size < 1_000_000 else f"{size / 1e6:.2f} MB"
