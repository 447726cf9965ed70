"""Reversal, extremes, the largest, the different ones, boxes, boundaries, words and hashes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from stepping import constant, given, plain, run_many

from qengine.errors import ModelError
from qengine.kernels.reference.fingerprint import fingerprint64
from qengine.kernels.reference.selection import arg_extreme, binary_search, largest, unique
from qengine.kernels.reference.suppression import suppress
from qengine.model import TensorType
from qengine.op import Op
from qengine.ops.arg_max import ArgMax
from qengine.ops.arg_min import ArgMin
from qengine.ops.bucketize import Bucketize
from qengine.ops.lsh_projection import LshProjection
from qengine.ops.non_max_suppression_v4 import NonMaxSuppressionV4
from qengine.ops.non_max_suppression_v5 import NonMaxSuppressionV5
from qengine.ops.reverse_sequence import ReverseSequence
from qengine.ops.reverse_v2 import ReverseV2
from qengine.ops.skip_gram import SkipGram
from qengine.ops.topk_v2 import TopKV2
from qengine.ops.unique import Unique
from qengine.options import LSHProjectionType

T = TensorType
NAN, INFINITY = float("nan"), float("inf")


def refusal(op: Op, *inputs: Any, type: TensorType | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        plain(op, *inputs, type=type)
    return str(caught.value)


# --- reversal


def test_axes_that_follow_each_other_are_reversed() -> None:
    assert plain(ReverseV2(), [[1, 2], [3, 4]], [1]).tolist() == [[2, 1], [4, 3]]
    assert plain(ReverseV2(), [[1, 2], [3, 4]], [-1, 0]).tolist() == [[4, 3], [2, 1]]
    for axes in ([0, 2], [1, 1], np.zeros(0, np.int32)):
        assert "expected axes that follow each other" in refusal(ReverseV2(), np.zeros((2, 2, 2), np.int32), axes)


def test_every_batch_has_its_length_to_reverse() -> None:
    x = [[1, 2, 3], [4, 5, 6]]
    assert plain(ReverseSequence(1, 0), x, [2, 3]).tolist() == [[2, 1, 3], [6, 5, 4]]
    assert plain(ReverseSequence(0, 1), x, [2, 0, 1]).tolist() == [[4, 2, 3], [1, 5, 6]]
    # The runtime looks at the first length alone, and reads beyond the tensor for the others.
    assert "expected lengths up to 3, got 4" in refusal(ReverseSequence(1, 0), x, [1, 4])
    assert "expected two dimensions" in refusal(ReverseSequence(1, 1), x, [1, 1, 1])
    assert "expected 2 lengths, got 3" in refusal(ReverseSequence(1, 0), x, [1, 1, 1])


# --- ARG_MAX, ARG_MIN


def test_the_first_of_equal_extremes_counts() -> None:
    x = [[3, 1, 3], [2, 2, 1]]
    assert plain(ArgMax(T.INT64), x, -1, type=T.INT64).tolist() == [0, 0]
    assert plain(ArgMin(T.INT32), x, 0, type=T.INT32).tolist() == [1, 0, 1]
    assert "expected elements along axis 1" in refusal(ArgMax(T.INT32), np.zeros((2, 0), np.int32), 1)
    assert "expected INT32 or INT64" in refusal(ArgMax(), x, 1, type=T.FLOAT32)


@drawn(hnp.arrays(np.float32, st.integers(1, 3), elements=st.sampled_from([NAN, -INFINITY, 0, 1, INFINITY])))
def test_nan_loses_against_every_number(x: np.ndarray) -> None:
    numbers = np.flatnonzero(~np.isnan(x))
    want = 0 if len(numbers) == 0 else int(numbers[np.argmax(x[numbers])])
    assert arg_extreme(x, 0, largest=True) == want
    assert arg_extreme(-x, 0, largest=False) == want


def test_a_lane_of_nan_hides_the_others_from_each_other() -> None:
    def last_axis(*x: float) -> int:
        return int(arg_extreme(np.float32(x), 0, largest=True))

    assert last_axis(NAN, 7, 1, 2) == 0  # lanes 0 and 1: NaN is kept, and nothing comes after
    assert last_axis(5, NAN, 1, 2) == 0  # the left one is kept, which is the largest
    assert last_axis(1, 2, NAN, 7) == 1  # lanes 2 and 3: NaN is kept, 2 beats it from the left
    assert last_axis(NAN, 7, 1, 2, 3) == 4  # what comes after the lanes decides
    assert arg_extreme(np.float32([[NAN], [7], [1], [2]]), 0, largest=True).tolist() == [0]
    assert arg_extreme(np.float32([[NAN, 0], [7, 0], [1, 0], [2, 0]]), 0, largest=True)[0] == 1  # no lanes


# --- TOPK_V2, UNIQUE


def topped(x: Any, k: int, index: TensorType = T.INT32) -> list[Any]:
    spec = constant(np.asarray(x))
    return [part.tolist() for part in run_many(TopKV2(), [spec, constant(np.int32(k))], [spec, given((), index)])]


def test_the_largest_come_first_and_of_equals_the_first() -> None:
    assert topped(np.int8([[1, 9, 9, -128], [0, 0, 5, 7]]), 3) == [[[9, 9, 1], [7, 5, 0]], [[1, 2, 0], [3, 2, 0]]]
    assert topped(np.float32([NAN, 1, -0.0, 0.0]), 3, T.INT16)[1] == [1, 2, 3]
    assert topped(np.int32([1, 2]), -5) == [[], []]
    for x, k, what in ((np.int32([1, 2]), 3, "at most 2, got 3"), (np.zeros(40000, np.int32), 1, "int16 can index")):
        with pytest.raises(ModelError, match=what):
            topped(x, k, T.INT16)


@drawn(hnp.arrays(st.sampled_from([np.int8, np.uint8, np.int64, np.float32]), st.tuples(st.just(2), st.integers(1, 6))))
def test_the_largest_fall_and_ties_rise(x: np.ndarray) -> None:
    found = largest(x, x.shape[-1])
    for line, order in zip(x, found, strict=True):
        keys = [(bool(line[i] != line[i]), -float(line[i]) if line[i] == line[i] else 0.0, int(i)) for i in order]
        assert keys == sorted(keys)


def test_different_elements_in_the_order_they_came() -> None:
    specs = [constant(np.int32([7, 3, 7, 7, 2]))]
    values, which = run_many(Unique(T.INT64), specs, [given((), T.INT32), given((), T.INT64)])
    assert values.tolist() == [7, 3, 2]
    assert which.tolist() == [0, 1, 0, 0, 2]


@drawn(hnp.arrays(np.int8, st.integers(0, 12), elements=st.integers(-3, 3)))
def test_unique_elements_give_all_back(x: np.ndarray) -> None:
    values, which = unique(x)
    assert np.array_equal(values[which], x)
    assert len(set(values.tolist())) == len(values)


def test_nan_passes_for_the_smallest_so_far() -> None:
    values, which = unique(np.float32([4, 2, NAN, 1, NAN]))
    assert values.tolist() == [4, 2, 1]
    assert which.tolist() == [0, 1, 1, 2, 2]
    values, which = unique(np.float32([NAN, 2, 3]))
    assert len(values) == 1
    assert which.tolist() == [0, 0, 0]


def test_a_search_in_disorder_finds_what_it_comes_by() -> None:
    keys = np.int32([5, 1, 3, 9])
    assert binary_search(np.int32([3, 1, 5, 9]), keys).tolist() == [2, 1, -1, 3]
    assert binary_search(np.int32([1]), keys[:0]).tolist() == [-1]
    extremes = np.int32([-(2**31), 0, 2**31 - 1])
    assert binary_search(extremes, extremes).tolist() == [0, 1, 2]


# --- NON_MAX_SUPPRESSION_V4, V5

BOXES = np.float32([[0, 0, 1, 1], [0.1, 0, 1.1, 1], [1, 1, 0.5, 0], [5, 5, 6, 6]])
SCORES = np.float32([0.8, 0.9, 0.7, 0.2])


def test_boxes_that_overlap_better_ones_are_left_out() -> None:
    specs = [constant(np.asarray(part)) for part in (BOXES, SCORES, np.int32(3), np.float32(0.5), np.float32(0.1))]
    found, count = run_many(NonMaxSuppressionV4(), specs, [given((), T.INT32)] * 2)
    assert found.tolist() == [1, 3, 0]
    assert count == 2


def test_soft_suppression_lowers_scores_instead() -> None:
    numbers = (BOXES, SCORES, np.int32(4), np.float32(1.0), np.float32(0.0), np.float32(0.5))
    outputs = [given((), type) for type in (T.INT32, T.FLOAT32, T.INT32)]
    found, kept, count = run_many(NonMaxSuppressionV5(), [constant(np.asarray(part)) for part in numbers], outputs)
    overlap = 0.9 / 1.1
    assert found.tolist()[0] == 1
    assert kept[list(found).index(0)] == pytest.approx(0.8 * np.exp(-(overlap**2)), rel=0.5)
    assert count == 4


def test_a_box_without_area_is_chosen_over_and_over() -> None:
    none, zero = np.float32([[1, 1, 1, 1], [0, 0, 1, 1]]), np.float32(0)
    found, kept = suppress(none, np.float32([0.9, 0.1]), 5, np.float32(0.5), zero, zero)
    assert found.tolist() == [0, 0]
    assert kept.tolist() == [np.float32(0.9)] * 2


def test_a_limit_below_0_is_refused() -> None:
    specs = [constant(np.asarray(part)) for part in (BOXES, SCORES, np.int32(-1), np.float32(0.5), np.float32(0.1))]
    with pytest.raises(ModelError, match="expected a limit from 0"):
        run_many(NonMaxSuppressionV4(), specs, [given((), T.INT32)] * 2)


# --- BUCKETIZE, SKIP_GRAM, LSH_PROJECTION


def test_a_boundary_belongs_to_the_bucket_above() -> None:
    assert plain(Bucketize((0.0, 10.0)), [-1.0, 0.0, 9.0, 10.0, NAN], type=T.INT32).tolist() == [0, 1, 1, 2, 2]
    # 16777217 is no float32: it becomes 16777216
    assert plain(Bucketize((16777216.0, 16777218.0)), [16777217], type=T.INT32).tolist() == [1]
    assert "expected rising boundaries" in refusal(Bucketize((1.0, 0.0)), [1.0], type=T.INT32)


def grams(text: bytes, *options: Any) -> list[bytes]:
    found: list[bytes] = plain(SkipGram(*options), np.array([text], object), type=T.STRING).tolist()
    return found


def test_n_grams_leave_out_up_to_so_many_words() -> None:
    assert grams(b"a b  c", 2) == [b"a b", b"b c"]
    assert grams(b"a b c", 2, 1) == [b"a b", b"a c", b"b c"]
    assert grams(b"a b c", 2, 0, True) == [b"a b", b"a", b"b c", b"b", b"c"]
    assert grams(b"a b", 3) == []
    assert grams(b"a b", 0) == []


def test_a_long_text_needs_no_deep_stack() -> None:
    assert len(grams(b"w " * 3000, 3000, 0)) == 1


def test_the_fingerprint_of_no_bytes_is_the_algorithms_own_constant() -> None:
    assert fingerprint64(np.zeros((1, 0), np.uint8)).tolist() == [0x9AE16A3B2F90404F]


def test_equal_keys_have_equal_fingerprints_of_every_length() -> None:
    seen = set()
    for length in (1, 3, 4, 7, 8, 16, 17, 32, 33, 64, 65, 128, 200):
        keys = np.tile(np.arange(length, dtype=np.uint8), (3, 1))
        keys[2, -1] ^= 1
        a, b, c = fingerprint64(keys).tolist()
        assert a == b != c
        seen.update((a, c))
    assert len(seen) == 26


def test_bits_of_a_hash_make_a_number_after_those_before() -> None:
    seeds, x = np.float32([[0.1, 0.2], [0.3, 0.4]]), np.int32([[1], [2], [3]])
    dense = plain(LshProjection(LSHProjectionType.DENSE), seeds, x, type=T.INT32)
    sparse = plain(LshProjection(LSHProjectionType.SPARSE), seeds, x, type=T.INT32)
    assert set(dense.tolist()) <= {0, 1}
    assert sparse.tolist() == [2 * dense[0] + dense[1], 4 + 2 * dense[2] + dense[3]]
    assert "expected a projection DENSE or SPARSE" in refusal(LshProjection(), seeds, x, type=T.INT32)
