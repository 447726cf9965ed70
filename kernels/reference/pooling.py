"""Pooling (n h w c) -> (n oh ow c): what a window holds, averaged, its largest, its root mean square.

Positions outside the image don't count. Every window holds at least one position inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ..arrays import AnyArray, FloatingArray, IntegerArray
from .windows import Slide, counts, every_tap, window_sums


def average_pool_integer(x: IntegerArray, slides: Sequence[Slide]) -> IntegerArray:
    """Means of q as they are, rounded to the nearest, ties away from zero: int64.

    Sums are int32 (a window of 2**16 int16 positions wraps, as in the runtime).
    """
    sums = window_sums(x.astype(np.int32), slides).astype(np.int64)
    count = counts(x.shape[1:3], slides)[..., np.newaxis]
    magnitude: IntegerArray = (np.abs(sums) + count // 2) // count
    return np.sign(sums) * magnitude


def average_pool_float32(x: FloatingArray, slides: Sequence[Slide]) -> FloatingArray:
    """Means, float32."""
    result: FloatingArray = window_sums(x, slides) / counts(x.shape[1:3], slides)[..., np.newaxis].astype(np.float32)
    return result


def l2_pool_float32(x: FloatingArray, slides: Sequence[Slide]) -> FloatingArray:
    """Square roots of the mean squares, float32."""
    return np.sqrt(average_pool_float32(x * x, slides))


def max_pool(x: AnyArray, slides: Sequence[Slide], larger: Callable[..., AnyArray], lowest: npt.ArrayLike) -> AnyArray:
    """The largest of every window, by `larger(best so far, next)`, beginning with `lowest`."""
    result = np.full((x.shape[0], *(slide.output for slide in slides), x.shape[3]), lowest, x.dtype)
    for _, outputs, inputs in every_tap(x.shape[1:3], slides):
        part = (slice(None), *outputs)
        result[part] = larger(result[part], x[(slice(None), *inputs)])
    return result
