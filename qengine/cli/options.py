"""What several commands ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..kernels.profile import Profile

model_argument = click.argument("path", metavar="MODEL", type=click.Path(path_type=Path))

profile_option = click.option(
    "--profile",
    type=click.Choice([profile.value for profile in Profile]),
    default=Profile.XNNPACK.value,
    show_default=True,
    help="Which of the runtime's kernel sets to reproduce.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


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
