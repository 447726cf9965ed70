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
    # A DEQUANTIZE of float16 constants is computed beforehand: its gradient is never asked for.
    assert {case.name for case in CASES} | {"DEQUANTIZE"} == set(GRADIENTS)


def test_every_operator_that_trained_networks_are_made_of_has_an_entry() -> None:
    """Those that training is promised for, by kind, and what else trained float networks hold."""
    promised = """CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED AVERAGE_POOL_2D MAX_POOL_2D L2_POOL_2D
        ADD MUL SUB DIV MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1 LEAKY_RELU PRELU
        ELU GELU HARD_SWISH LOGISTIC TANH SOFTMAX LOG_SOFTMAX RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR CONCATENATION
        SPLIT SPLIT_V PAD PADV2 MIRROR_PAD SLICE STRIDED_SLICE RESHAPE TRANSPOSE BATCH_MATMUL
        UNIDIRECTIONAL_SEQUENCE_LSTM FAKE_QUANT SVDF BATCH_NORMALIZATION DROPOUT"""
    assert set(promised.split()) - set(GRADIENTS) == set()


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
