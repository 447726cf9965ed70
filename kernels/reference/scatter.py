"""Elements sent to places of a larger tensor, several perhaps to one: scatters, segments, sparse tensors made dense."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import AnyArray, IntegerArray


def scatter_nd(rows: IntegerArray, updates: AnyArray, shape: Sequence[int]) -> AnyArray:
    """Zeros of `shape` with updates (.. rest) added at the places that the rows (.. depth) name, one after the other.

    Sums of integers wrap, those of flags are `or`. IndexError where a coordinate is outside.
    """
    out = np.zeros(shape, updates.dtype)
    depth = rows.shape[-1]
    if ((rows < 0) | (rows >= np.array(shape[:depth], np.int64))).any():
        raise IndexError(f"expected coordinates within {list(shape[:depth])}, got others")
    place = np.zeros(rows.shape[:-1], np.int64)
    for axis in range(depth):
        place = place * shape[axis] + rows[..., axis]
    slices = out.reshape(int(np.prod(shape[:depth], dtype=np.int64)), *shape[depth:])
    np.add.at(slices, place.reshape(-1), updates.reshape(place.size, *shape[depth:]))
    return out


def segments(x: AnyArray, ids: IntegerArray, count: int, ufunc: np.ufunc, start: AnyArray) -> AnyArray:
    """x (ids.. rest) combined by `ufunc` to (count, rest), one after the other, from `start` on, without ids below 0.

    IndexError where an id is `count` or more.
    """
    if ids.size and ids.max() >= count:
        raise IndexError(f"expected ids below {count}, got {int(ids.max())}")
    rest = x.shape[ids.ndim :]
    out = np.full((count, *rest), start, x.dtype)
    flat = ids.reshape(-1)
    taken = flat >= 0
    ufunc.at(out, flat[taken], x.reshape(flat.size, *rest)[taken])
    return out


def sparse_to_dense(rows: IntegerArray, shape: Sequence[int], values: AnyArray, default: AnyArray) -> AnyArray:
    """`default` everywhere but at the rows (n, rank), where values (n) or one value for all are; the last one wins.

    IndexError where a coordinate is outside.
    """
    if ((rows < 0) | (rows >= np.array(shape, np.int64))).any():
        raise IndexError(f"expected coordinates within {list(shape)}, got others")
    out = np.full(shape, default, values.dtype)
    out[tuple(rows.T)] = values
    return out


def scatter_windows(out: AnyArray, places: Sequence[IntegerArray], updates: AnyArray, ufunc: np.ufunc | None) -> None:
    """Brings updates into `out` at places, one array of coordinates for each of its dimensions, in the updates' shape.

    In their order, by `ufunc` or, without one, the last one winning. Updates whose place is outside are left out, and
    NaN in a maximum or minimum: the runtime's comparison keeps what is there.
    """
    kept = np.ones(updates.shape, np.bool_)
    for place, length in zip(places, out.shape, strict=True):
        kept &= (place >= 0) & (place < length)
    if ufunc in (np.maximum, np.minimum) and updates.dtype.kind == "f":
        kept &= ~np.isnan(updates)
    where = tuple(np.broadcast_to(place, updates.shape)[kept] for place in places)
    if ufunc is None:
        out[where] = updates[kept]
    else:
        ufunc.at(out, where, updates[kept])
