"""Summaries of tensors: merged, saved, reused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qengine.build import Builder
from qengine.ptq.ranges import Ranges, Summary, keys_of

SAMPLES = st.lists(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=10), min_size=1, max_size=20)


def summary(samples: list[list[float]]) -> Summary:
    found = Summary()
    for sample in samples:
        found.add(np.array(sample, np.float32))
    return found


def test_a_summary_knows_its_range_its_growth_and_the_rest() -> None:
    found = summary([[1.0, -1.0], [2.0], [9.0], [-3.0], [4.0]])
    assert (found.low, found.high, found.samples, found.values) == (-3.0, 9.0, 5, 6)
    assert found.seconds == (-1.0, 4.0)  # without sample 4, and without sample 3
    assert found.growth == [(1, -1.0, 1.0), (2, -1.0, 2.0), (4, -3.0, 9.0), (5, -3.0, 9.0)]


def test_values_that_are_no_numbers_are_counted_apart() -> None:
    found = summary([[1.0, np.inf, np.nan], [-np.inf], [2.0]])
    assert (found.odd, found.values, found.low, found.high) == (3, 2, 1.0, 2.0)


@given(SAMPLES, SAMPLES)
def test_merging_is_as_if_all_had_come_in_turn(first: list[list[float]], second: list[list[float]]) -> None:
    merged, together = summary(first), summary(first + second)
    merged.merge(summary(second))
    assert (merged.low, merged.high, merged.samples, merged.values) == (
        together.low,
        together.high,
        together.samples,
        together.values,
    )
    assert merged.average == pytest.approx(together.average, abs=1e-9)
    assert merged.seconds == together.seconds
    assert merged.growth[-1] == together.growth[-1]
    assert (merged.histogram.counts == together.histogram.counts).all()


def test_merged_changes_neither() -> None:
    a, b = Ranges({"0/x": summary([[1.0]])}), Ranges({"0/x": summary([[5.0]]), "0/y": summary([[2.0]])}, ["odd"])
    both = a.merged(b)
    assert (both["0/x"].high, both["0/y"].high, both.warnings) == (5.0, 2.0, ["odd"])
    assert (a["0/x"].high, len(a), b["0/x"].low) == (1.0, 1, 5.0)


def test_saved_ranges_come_back(tmp_path: Path) -> None:
    ranges = Ranges({"0/x": summary([[1.0, -2.0], [3.5]]), "0/nothing": Summary()}, ["careful"])
    ranges.save(tmp_path / "ranges.npz")
    again = Ranges.load(tmp_path / "ranges.npz")
    assert list(again) == list(ranges)
    assert again.warnings == ["careful"]
    for key in ranges:
        a, b = again[key], ranges[key]
        assert (a.low, a.high, a.growth, a.average, a.seconds) == (b.low, b.high, b.growth, b.average, b.seconds)
        assert (a.histogram.counts == b.histogram.counts).all()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04broken"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ranges.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected ranges"):
        Ranges.load(path)


def test_archives_of_other_things_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="expected ranges"):
        Ranges.load(tmp_path / "other.npz")


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Ranges.load(tmp_path / "none.npz")


def test_the_ranges_of_a_quantized_model_are_what_it_can_represent() -> None:
    b = Builder()
    x = b.input("x", (1, 4), np.int8, scale=0.5, zero_point=-28)
    wide = b.input("wide", (1, 4), np.int16, scale=0.25)
    found = Ranges.of(b.model([x, wide]))
    assert (found["0/x"].low, found["0/x"].high) == (-50.0, 77.5)
    assert (found["0/wide"].low, found["0/wide"].high) == (-32767 * 0.25, 32767 * 0.25)


def test_tensors_without_a_name_of_their_own_are_told_apart() -> None:
    from dataclasses import replace

    b = Builder()
    graph = b.model([b.input("x", (1,)), b.input("y", (1,))]).graphs[0]
    same = replace(graph, tensors=tuple(replace(tensor, name="same") for tensor in graph.tensors))
    assert keys_of(2, graph) == ["2/x", "2/y"]
    assert keys_of(0, same) == ["0/same#0", "0/same#1"]
