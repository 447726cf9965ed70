"""Numbers that were quantized before: the step that they are whole multiples of.

A file made float by `dequantize_model` holds such weights. Quantizing them by their greatest magnitude would round them
a second time; by their own step they come back as they were.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CLOSE = 1e-5
"""How far from a whole multiple a value may be, in steps: float32's rounding of 127 steps is below 1e-5."""


DISTINCT = 4
"""How many different magnitudes are evidence: fewer may be whole multiples of something by chance."""


def may_have_steps(rows: NDArray[Any], most: int) -> NDArray[np.bool_]:
    """For each row (r, n), whether `step_of` has to look at it: what it tries first, for all rows at once.

    No two magnitudes, nor one and 0, lie too close, and a step common to all gaps isn't too small.
    """
    magnitudes = np.sort(np.abs(rows.astype(np.float64)), axis=1)
    tops = magnitudes[:, -1]
    gaps = np.diff(magnitudes, axis=1, prepend=0.0)
    gaps[gaps <= 1e-6 * tops[:, np.newaxis]] = 0
    least = tops / most * (1 - 1e-3)
    result = np.asarray(~((gaps > 0) & (gaps < least[:, np.newaxis])).any(axis=1))
    left = np.flatnonzero(result)
    steps, tiny = np.zeros(len(left)), tops[left] / most * 1e-3
    for column in gaps[left].T:
        larger, smaller = column.copy(), steps
        while (open_ := smaller > tiny).any():
            times = np.rint(np.divide(larger, smaller, out=np.zeros_like(larger), where=open_))
            larger, smaller = (
                np.where(open_, smaller, larger),
                np.where(open_, np.abs(larger - smaller * times), smaller),
            )
        steps = larger
    result[left] = (steps > 0) & (np.rint(tops[left] / np.where(steps > 0, steps, 1)) < most)
    return result


def step_of(row: NDArray[Any], most: int) -> float | None:
    """The largest step of which all values (n,) are whole multiples, at most `most` of them; None where there is none.

    None as well where the greatest magnitude is `most` steps already (there the ordinary scale is that step), and where
    there are fewer than `DISTINCT` magnitudes other than 0.
    """
    magnitudes = np.unique(np.abs(row.astype(np.float64)))
    magnitudes = magnitudes[magnitudes > 0]
    if len(magnitudes) < DISTINCT:
        return None
    top = float(magnitudes[-1])
    gaps = np.diff(magnitudes, prepend=0.0)
    tiny = top / most * 1e-3
    gaps = gaps[gaps > 1e-6 * top]
    if len(gaps) == 0 or gaps.min() < top / most * (1 - 1e-3):
        return None
    step = float(gaps[0])
    for gap in gaps[1:]:
        step = _common(float(gap), step, tiny)
    counts = np.rint(magnitudes / step)
    if step <= 0 or counts[-1] >= most:
        return None
    step = float(counts @ magnitudes / (counts @ counts))
    return step if np.abs(magnitudes / step - counts).max() < CLOSE * most else None


def _common(a: float, b: float, tiny: float) -> float:
    """The largest number that both are whole multiples of, to within `tiny` (Euclid)."""
    while b > tiny:
        a, b = b, a - b * round(a / b)
        b = abs(b)
    return a
