"""What REDUCE_MAX and REDUCE_MIN share: where the search begins, and what NaN does to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ..kernels.arrays import AnyArray
from ..kernels.emit.extremes import plan_extreme
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.reduction import latest_extreme, reduced
from ..model import TensorType
from ..op import Specs
from ._numbers import ELEMENTS
from ._reduction import Kernel, Native, parts_of


def native_extreme(which: str, specs: Specs, profile: Profile) -> Native | None:
    """The planner of `max` or `min` along axes. Floats only as XNNPACK passes over NaN."""
    x = specs.input(0)
    if x.type not in ELEMENTS or (x.type is TensorType.FLOAT32 and profile is not Profile.XNNPACK):
        return None

    def compiled(target: Target) -> Compiled | str:
        parts = parts_of(specs)
        return parts if isinstance(parts, str) else plan_extreme(target, which, ELEMENTS[x.type], *parts)

    return compiled


def extreme_kernel(type: TensorType, profile: Profile, ufunc: np.ufunc) -> Kernel:
    """ufunc: np.fmax or np.fmin. Of nothing, the type's last number on the other side."""
    dtype = type.dtype
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    farthest = limits.min if ufunc is np.fmax else limits.max
    if dtype.kind != "f":
        return partial(reduced, ufunc, initial=farthest)

    def reference(x: AnyArray, axes: Sequence[int]) -> AnyArray:
        """Passes over NaN; begins with the largest finite float, but with the first element where all become one."""
        if len(axes) < x.ndim or x.size == 0:
            return reduced(ufunc, x, axes, farthest)
        first = x.reshape(-1)[0]
        return np.full([1] * x.ndim, first if np.isnan(first) else ufunc.reduce(x, axis=None), dtype)

    def optimized(x: AnyArray, axes: Sequence[int]) -> AnyArray:
        """Begins anew after every NaN."""
        if x.size == 0:
            return reduced(ufunc, x, axes, farthest)
        return latest_extreme(ufunc, x, axes)

    infinity = -np.inf if ufunc is np.fmax else np.inf
    kernels: dict[Profile, Kernel] = {
        Profile.REFERENCE: reference,
        Profile.OPTIMIZED: optimized,
        Profile.XNNPACK: partial(reduced, ufunc, initial=infinity),
    }
    return kernels[profile]
