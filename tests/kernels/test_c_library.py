from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qengine.kernels.reference.c_library import expm1, tanh


def test_the_bits_of_glibc() -> None:
    x = np.array([-4246 / 4096, 628 / 4096, -32640 / 32768, 0.5, 1, 3, 30, -0.0], np.float32)
    wanted = [
        "-0x1.8d98p-1",  # rounded correctly, it were -0x1.8d97fep-1
        "0x1.378ffep-3",  # 0x1.379p-3
        "-0x1.8517fep-1",  # -0x1.8518p-1
        "0x1.d9353ep-2",
        "0x1.85efacp-1",
        "0x1.fd77d2p-1",
        "0x1p+0",
        "-0x0p+0",
    ]
    assert [float(value) for value in tanh(x)] == [float.fromhex(value) for value in wanted]
    assert np.signbit(tanh(x))[-1]


@given(st.floats(-80, 80, width=32))
def test_near_the_real_functions(value: float) -> None:
    x = np.array([value], np.float32)
    for ours, real in ((tanh, np.tanh), (expm1, np.expm1)):
        exact = real(x.astype(np.float64))
        assert abs(ours(x) - exact) <= 2 * np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
