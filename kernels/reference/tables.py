"""A function of one 8-bit number, tabulated by XNNPACK's rule (TFLite's is `kernels.lookup`)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..arrays import AnyArray, Float32Array


def xnnpack_table(
    function: Callable[[Float32Array], Float32Array],
    input_scale: float,
    input_zero_point: int,
    output_scale: float,
    output_zero_point: int,
    dtype: npt.DTypeLike,
) -> AnyArray:
    """q -> quantized function(real), (256,) of int8 or uint8, in the order of q's bits read as uint8.

    q_out = clamp(round(function(scale * (q - zero_point)) * (1 / output_scale) + zero_point)), everything in float32,
    ties to even: the zero point is added before rounding. NaN gives 0.
    """
    limits = np.iinfo(np.dtype(dtype))
    q = np.arange(256, dtype=np.uint8).view(limits.dtype).astype(np.float32)
    with np.errstate(all="ignore"):
        real = function((q - np.float32(input_zero_point)) * np.float32(input_scale))
        quantized = real * (np.float32(1) / np.float32(output_scale)) + np.float32(output_zero_point)
    quantized = np.rint(np.where(np.isnan(quantized), np.float32(0), quantized))
    return np.asarray(np.clip(quantized, limits.min, limits.max)).astype(limits.dtype)
