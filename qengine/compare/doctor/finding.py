"""What the doctor says of a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Severity(Enum):
    """ERROR: a runtime refuses the file, or what it computes is meaningless. WARNING: numbers may go wrong, or the file
    isn't what it seems. NOTE: it runs well here, but not everywhere."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or risky.

    rule: its name in the doctor's table. node: the node's number in its graph; None where it is about the whole file.
    operator, name: of that node, its operator and its first output. where: a path into the model.
    reason: what was found, with the numbers. remedy: what to do about it.
    """

    rule: str
    node: int | None
    reason: str
    remedy: str
    severity: Severity
    operator: str = ""
    name: str = ""
    graph: int = 0
    where: str = "$"

    def __str__(self) -> str:
        place = "the file" if self.node is None else f"node {self.node} {self.operator} {self.name!r}"
        return f"{self.severity.value}: {self.rule}: {place}: {self.reason}; {self.remedy}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return {**asdict(self), "severity": self.severity.value}
