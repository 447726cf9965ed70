"""Native loops of training against NumPy's sums: every width of vector, strides, dilations, multipliers."""

from __future__ import annotations

import numpy as np
import pytest

from qengine.kernels.emit import native
from qengine.kernels.emit.float32.training import Windows, depthwise, depthwise_gradient, is_supported, roomy

pytestmark = pytest.mark.skipif(bool(native.obstacle()), reason="no native code here")

CASES = [
    (64, Windows((3, 3), (1, 1), (1, 1), (5, 4))),
    (1, Windows((2, 3), (2, 1), (1, 1), (3, 4))),
    (5, Windows((3, 2), (1, 2), (2, 1), (3, 3))),
    (19, Windows((1, 1), (1, 1), (1, 1), (2, 6))),
    (35, Windows((5, 5), (2, 2), (1, 1), (2, 3))),
    (16, Windows((7, 7), (1, 1), (1, 1), (2, 2))),
]


def taps(x: np.ndarray, windows: Windows) -> list[tuple[int, int, np.ndarray]]:
    """What position (i, j) of every window sees."""
    found = []
    for i in range(windows.size[0]):
        for j in range(windows.size[1]):
            rows, columns = (slice(at * windows.dilation[k], None, windows.stride[k]) for k, at in enumerate((i, j)))
            found.append((i, j, x[:, rows, columns][:, : windows.output[0], : windows.output[1]].astype(np.float64)))
    return found


@pytest.mark.parametrize(("channels", "windows"), CASES)
def test_depthwise_sums_and_their_gradient(channels: int, windows: Windows) -> None:
    rng = np.random.default_rng(channels)
    reach = [
        (windows.output[k] - 1) * windows.stride[k] + (windows.size[k] - 1) * windows.dilation[k] + 1 for k in (0, 1)
    ]
    x = roomy((3, reach[0] + 1, reach[1], channels))
    x[:] = rng.normal(size=x.shape)
    filters = rng.normal(size=(*windows.size, channels)).astype(np.float32)
    bias = rng.normal(size=channels).astype(np.float32)
    g = rng.normal(size=(3, *windows.output, channels)).astype(np.float32)
    sums, gradient = np.zeros(g.shape) + bias, np.zeros(filters.shape)
    for i, j, seen in taps(x, windows):
        sums += seen * filters[i, j]
        gradient[i, j] = (seen * g).sum(axis=(0, 1, 2))
    assert is_supported(windows)
    np.testing.assert_allclose(depthwise(x, filters, bias, windows), sums, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(depthwise(x, filters, None, windows), sums - bias, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(depthwise_gradient(x, g, windows), gradient, rtol=1e-5, atol=1e-4)


def test_large_filters_are_left_to_numpy() -> None:
    assert not is_supported(Windows((8, 8), (1, 1), (1, 1), (2, 2)))
