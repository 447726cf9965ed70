"""What is wrong or risky in a file: small rules in one table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from ...model import Model
from ...tflite import load
from . import arithmetic, devices, file, operators, quantization
from .finding import Finding, Severity
from .opened import Check, Opened

__all__ = ["RULES", "TARGETS", "Finding", "Severity", "examine"]

TARGETS = ("edgetpu", "micro")

RULES: Mapping[str, Check] = {
    "invalid": file.invalid,
    "refused": operators.refused,
    "no_value": operators.without_value,
    "scale": quantization.bad_scales,
    "denormal_scale": quantization.denormal_scales,
    "scale_count": quantization.scale_counts,
    "zero_point": quantization.zero_points,
    "unequal_scales": quantization.unequal_scales,
    "bias_scale": quantization.bias_scales,
    "bias_overflow": arithmetic.biases,
    "accumulator_overflow": arithmetic.accumulators,
    "multiplier": arithmetic.multipliers,
    "float_left": operators.float_left,
    "no_16x8_kernel": operators.no_16x8_kernel,
    "hybrid": operators.hybrid,
    "signature": file.signatures,
    "beyond_the_schema": file.unread,
    "edge_tpu_type": devices.edge_tpu_types,
    "edge_tpu_operator": devices.edge_tpu_operators,
    "edge_tpu_shape": devices.edge_tpu_shapes,
    "arena": devices.arena,
}
"""Every rule by its name, in the order in which findings are given."""


def examine(
    model: Model | str | os.PathLike[str] | bytes, *, target: str | None = None, arena: int | None = None
) -> tuple[Finding, ...]:
    """What is wrong or risky in a model, worst first; nothing is run. Empty where every rule is content.

    target: the device that it is meant for, "edgetpu" or "micro"; None: what is known to be 8-bit throughout is held to
    Edge TPU's rules as well, as notes. arena: bytes that tensors may take together.
    ModelError where the file can't be read; ValueError for another target.
    """
    if target is not None and target not in TARGETS:
        raise ValueError(f"expected a target among {', '.join(TARGETS)}, got {target!r}")
    opened = Opened(model if isinstance(model, Model) else load(model), target, arena)
    found = [replace(finding, rule=name) for name, check in RULES.items() for finding in check(opened)]
    order = list(Severity)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))
