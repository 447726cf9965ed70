"""The command line. Each command is one file here, imported when it is asked for.

Exit status: 0; 1 where the answer is no; 2 for misuse or a file that is wrong, with one line that says what.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from .. import __version__
from ..errors import ModelError

COMMANDS = (
    "demo",
    "inspect",
    "run",
    "quantize",
    "evaluate",
    "finetune",
    "compare",
    "explain",
    "doctor",
    "report",
    "bench",
)


class Commands(click.Group):
    """The commands by the names of their files."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def group() -> None:
    """Study, run and verify quantized TFLite models, without TensorFlow."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and ends the process with its exit status."""
    sys.exit(status_of(sys.argv[1:] if arguments is None else arguments))


def status_of(arguments: Sequence[str]) -> int:
    """Runs one command; its exit status."""
    try:
        result = group.main(list(arguments) or ["--help"], prog_name="qengine", standalone_mode=False)
    except click.ClickException as error:
        return _refuse(error.format_message())
    except click.Abort:
        return _refuse("interrupted")
    except ModelError as error:
        return _refuse(f"{type(error).__name__}: {error}")
    except OSError as error:
        return _refuse(f"{error.strerror}: {error.filename}")
    return result if isinstance(result, int) else 0


def _refuse(message: str) -> int:
    click.echo(f"qengine: {' '.join(message.split())}", err=True)
    return 2
