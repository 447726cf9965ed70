"""Every entry of the table of gradients, against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from differences import Case, worst_difference
from gradient_cases import CASES, op

from qengine.errors import Unsupported
from qengine.train.gradients import GRADIENTS, gradient_of


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case.name}" for number, case in enumerate(CASES)])
def test_a_gradient_is_what_finite_differences_give(case: Case) -> None:
    worst, exact = worst_difference(case)
    # In float64 what is left is the differences' own error; in float32 rounding of the outputs over the step's width.
    assert worst < (1e-7 if exact else 2e-3)


def test_every_entry_has_a_case() -> None:
    assert {case.name for case in CASES} | {"DEQUANTIZE", "BATCH_NORMALIZATION", "DROPOUT"} == set(GRADIENTS)


def test_a_window_s_gradient_goes_to_its_first_largest_number() -> None:
    case = next(case for case in CASES if case.name == "MAX_POOL_2D")
    from differences import call_of

    from qengine.train.execution import gone_back

    call = call_of(case, (np.ones((1, 2, 2, 1)),))
    call.gradients = (np.full((1, 1, 1, 1), 5.0),)
    (gradient,) = gone_back(call)
    assert gradient is not None
    assert gradient.reshape(-1).tolist() == [5, 0, 0, 0]


def test_an_operator_without_an_entry_is_named() -> None:
    with pytest.raises(Unsupported, match="got ARG_MAX"):
        gradient_of(op("ARG_MAX"))
