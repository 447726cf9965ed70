"""What several commands ask for."""

from __future__ import annotations

from pathlib import Path

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

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Samples: an .npz by input name, or an .npy of the only input, the first axis being samples.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads that large models may use, at most one a processor.",
)
