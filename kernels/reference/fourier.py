"""The discrete Fourier transform of real images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arrays import Float32Array


def rfft2d(x: Float32Array, height: int, width: int) -> NDArray[np.complex64]:
    """x (..., h, w), cut or filled up with zeros to height and width -> complex (..., height, width // 2 + 1).

    Computed in float64.
    """
    cut = x[..., :height, :width].astype(np.float64)
    return np.fft.rfft2(cut, s=(height, width), axes=(-2, -1)).astype(np.complex64)
