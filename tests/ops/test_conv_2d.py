"""CONV_2D: which filters fit which channels."""

from __future__ import annotations

import numpy as np
import pytest
from stepping import constant, given, prepare

from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.ops.conv_2d import Conv2D
from qengine.options import Padding

F = TensorType.FLOAT32


@pytest.mark.parametrize(("channels", "filters"), [(0, (2, 3, 3, 1)), (4, (2, 3, 3, 3)), (4, (3, 3, 3, 2))])
def test_groups_must_be_whole_and_at_least_one(channels: int, filters: tuple[int, ...]) -> None:
    weights = constant(np.zeros(filters), F)
    with pytest.raises(ModelError, match=f"groups of {channels} channels"):
        prepare(Conv2D(Padding.SAME, 1, 1), [given((1, 4, 4, channels), F), weights], [given((), F)], Profile.REFERENCE)
