"""Arena planning."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qengine.arena import ALIGNMENT, Life, place

lives = st.lists(
    st.builds(
        lambda size, first, length: Life(size, first, first + length),
        st.integers(0, 1000),
        st.integers(0, 20),
        st.integers(0, 20),
    ),
    max_size=30,
)


@given(lives)
def test_tensors_that_live_together_never_overlap(lives: list[Life]) -> None:
    offsets, total = place(lives)
    for i, a in enumerate(lives):
        assert offsets[i] % ALIGNMENT == 0
        assert offsets[i] + a.size <= total
        for j, b in enumerate(lives[:i]):
            together = a.first <= b.last and b.first <= a.last
            apart = offsets[i] + a.size <= offsets[j] or offsets[j] + b.size <= offsets[i]
            assert not together or apart or not a.size or not b.size


def test_a_chain_of_equal_tensors_needs_room_for_two() -> None:
    offsets, total = place([Life(64, step, step + 1) for step in range(10)])
    assert total == 128
    assert sorted(set(offsets)) == [0, 64]
