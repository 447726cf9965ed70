"""The sign flip between int8 as NumPy has it and as kernels do: value XOR 0x80."""

from __future__ import annotations

from .language import I8, Function
from .pieces import BLOCK, each_block
from .plan import Compiled, Family, Plan, result, source
from .target import Target


def _write_flip(f: Function) -> None:
    """XOR with 0x80: int8 to how it is stored, and back."""
    row = f.arguments(FLIP.slots)
    block = I8.x(4 * f.target.lanes)
    each_block(f, row.size, {"a": row.a, "out": row.out}, lambda at: at["a"].load(block) ^ -128)


FLIP = Family("flip", "*a *out size", _write_flip)


def plan_flip(target: Target, size: int) -> Compiled:
    """int8 bytes to stored bytes, or stored bytes to int8."""
    plan = Plan(target)
    plan.row(FLIP, a=source(), out=result(), size=size, work=size // 64)
    plan.divisible(FLIP, "size", BLOCK, a=1, out=1)
    return plan.done("sign flip")
