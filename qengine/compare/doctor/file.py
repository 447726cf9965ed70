"""Rules about the file as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import ModelError
from ...tflite import check_model
from .finding import Finding, Severity
from .opened import Opened


def invalid(opened: Opened) -> Iterator[Finding]:
    """What the runtime refuses when it opens the file; what is wrong with scales has rules of its own."""
    try:
        check_model(opened.model)
    except ModelError as error:
        if ".quantization" not in error.where:
            reason = f"the runtime refuses to open it: {error.message}"
            yield Finding("", None, reason, "mend it with the tool that wrote it", Severity.ERROR, where=error.where)


def signatures(opened: Opened) -> Iterator[Finding]:
    """A file without signatures is called by tensor numbers, which change whenever it is converted again."""
    if not opened.model.signatures:
        reason = "it has no signature: callers must know the order and the numbers of its tensors"
        remedy = "convert it with a signature, or add one (Builder.signature), so that inputs and outputs have names"
        yield Finding("", None, reason, remedy, Severity.NOTE)


def unread(opened: Opened) -> Iterator[Finding]:
    """What the file says beyond the schema: runtimes that know it may compute something else."""
    for place in opened.model.unknown:
        reason = f"the file says something there that the schema doesn't have: {place}"
        yield Finding("", None, reason, "find out which tool wrote it", Severity.WARNING, where=place)
