"""What the operators on variables and tables share: handles, and what is kept under them as long as an interpreter.

A handle is a tensor of one number, the resource's; its type is RESOURCE, in old files also INT32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ModelError
from ..model import Shape, TensorType
from ..op import Array, Graphs, Spec
from ..shapes import known, volume

T = TensorType


@dataclass
class Variable:
    type: TensorType
    value: Array


@dataclass
class Table:
    """entries: None until it is filled, which happens once."""

    key: TensorType
    value: TensorType
    entries: dict[object, object] | None = None


def handle(number: int, shape: Shape) -> Array:
    return np.full(shape, number, object)


def check_handle(spec: Spec, where: str) -> None:
    """Refuses what can't be a variable's handle."""
    if spec.type not in (T.RESOURCE, T.INT32) or volume(known(spec)) != 1:
        raise ModelError(f"expected one RESOURCE, got {spec.type.name}{list(known(spec))}", where)


def check_table_handle(spec: Spec, where: str) -> None:
    """Refuses what can't be a table's handle."""
    if spec.type is not T.RESOURCE or known(spec) != (1,):
        raise ModelError(f"expected RESOURCE[1], got {spec.type.name}{list(known(spec))}", where)


def check_table_types(key: TensorType, value: TensorType, where: str) -> None:
    if (key, value) not in ((T.INT64, T.STRING), (T.STRING, T.INT64)):
        raise ModelError(f"expected INT64 and STRING, one of each, got {key.name} and {value.name}", where)


def variable_number(context: Graphs, container: str, name: str) -> int:
    """The number of a variable by its name, given out in the order in which names are first met."""
    numbers: dict[tuple[str, str], int] = context.resources.setdefault("numbers of variables", {})
    return numbers.setdefault((container, name), len(numbers))


def set_variable(context: Graphs, number: Array, variable: Variable) -> None:
    context.resources["variable", _number(number)] = variable


def variable_of(context: Graphs, number: Array) -> Variable:
    found = context.resources.get(("variable", _number(number)))
    if not isinstance(found, Variable):
        raise ModelError("expected a variable that was assigned, got one that wasn't", "inputs[0]")
    return found


def make_table(context: Graphs, number: int, key: TensorType, value: TensorType) -> None:
    """Makes a table unless there is one of this number."""
    context.resources.setdefault(("table", number), Table(key, value))


def table_of(context: Graphs, number: Array) -> Table:
    found = context.resources.get(("table", _number(number)))
    if not isinstance(found, Table):
        raise ModelError("expected a table that was made, got one that wasn't", "inputs[0]")
    return found


def _number(handle: Array) -> int:
    return int(handle.reshape(-1)[0])
