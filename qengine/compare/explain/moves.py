"""Operators that only move numbers: where an element came from, found by moving numbers that say where they were.

The kernel is run on inputs whose numbers are digits of their own positions. What it gives for the element spells out
which input and which position that was, if the kernel does nothing but move; random inputs then prove that it did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...op import Array

Run = Callable[[Sequence[Array | None]], Array]
PROOFS = 6
NOWHERE: tuple[int, tuple[int, ...]] = (-1, ())


def source_of(
    run: Run, arguments: Sequence[Array | None], movable: Sequence[int], index: tuple[int, ...]
) -> tuple[int, tuple[int, ...]] | None:
    """Which argument, and which of its elements, the element at `index` of what `run` gives is a copy of.

    movable: the arguments whose numbers may be moved, all of one integer type. None where it is no copy; NOWHERE where
    it is one number whatever is moved, as padding is.
    """
    arrays = {i: array for i in movable if (array := arguments[i]) is not None and array.size > 0}
    if not arrays:
        return None
    dtype = next(iter(arrays.values())).dtype
    base = min(2 ** (8 * dtype.itemsize), 2**15)
    starts = dict(zip(arrays, np.cumsum([0, *(array.size for array in arrays.values())]).tolist(), strict=False))
    total = sum(array.size for array in arrays.values())

    def moved(numbers: Callable[[Array], Array]) -> int:
        changed = list(arguments)
        for i, array in arrays.items():
            codes = numbers(np.arange(starts[i], starts[i] + array.size)) % base
            changed[i] = codes.astype(np.uint64).astype(f"u{dtype.itemsize}").view(dtype).reshape(array.shape)
        return int(np.asarray(run(changed)[index]).astype(dtype).view(f"u{dtype.itemsize}"))

    position, power = 0, 1
    while power < total or power == 1:
        position += power * moved(lambda at, power=power: at // power)  # type: ignore[misc]
        power *= base
    rng = np.random.default_rng(0)
    trials = [rng.integers(0, 3 if i % 2 else base, total) for i in range(PROOFS)]
    results = [moved(lambda at, codes=codes: codes[at]) for codes in trials]  # type: ignore[misc]
    if total > 1 and len(set(results)) == 1:
        return NOWHERE
    if position >= total or any(result != codes[position] for result, codes in zip(results, trials, strict=True)):
        return None
    which = next(i for i in reversed(arrays) if starts[i] <= position)
    at = tuple(int(i) for i in np.unravel_index(position - starts[which], arrays[which].shape))
    return (which, at) if arrays[which][at] == run(arguments)[index] else None
