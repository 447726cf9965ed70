"""A classifier's answers to images, and how long one takes: in qengine's interpreter or in the runtime's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..affine import quantize

Images = NDArray[np.float32]

BATCH = 20
"""Images a call: enough to spare NumPy calls, few enough to be planned quickly."""


class Runner(Protocol):
    """What qengine's Interpreter and the runtime's have in common."""

    def resize_tensor_input(self, input_index: int, tensor_size: Any) -> None: ...
    def allocate_tensors(self) -> None: ...
    def invoke(self) -> None: ...
    def get_input_details(self) -> Sequence[Mapping[str, Any]]: ...
    def get_output_details(self) -> Sequence[Mapping[str, Any]]: ...
    def set_tensor(self, tensor_index: int, value: Any) -> None: ...
    def get_tensor(self, tensor_index: int) -> Any: ...


def entered(entrance: Mapping[str, Any], images: Images) -> NDArray[Any]:
    """The images in the integers of an input that takes integers."""
    if not np.issubdtype(entrance["dtype"], np.integer):
        return images
    scale, zero_point = entrance["quantization"]
    return quantize(images, scale, zero_point, entrance["dtype"])


def answers(runner: Runner, images: Images) -> NDArray[Any]:
    """The outputs (n 10) for images (n 8 8 1), as the network gives them; BATCH at a time, the last ones filled up."""
    (entrance,), (exit_,) = runner.get_input_details(), runner.get_output_details()
    batch = min(BATCH, len(images))
    runner.resize_tensor_input(entrance["index"], [batch, *images.shape[1:]])
    runner.allocate_tensors()
    values, found = entered(entrance, images), []
    for start in range(0, len(images), batch):
        runner.set_tensor(entrance["index"], values.take(range(start, start + batch), axis=0, mode="wrap"))
        runner.invoke()
        found.append(runner.get_tensor(exit_["index"]))
    return np.concatenate(found)[: len(images)]


def seconds_of_one(runner: Runner, images: Images, limit: float = 0.1) -> float:
    """The median time of one image, in and out included: of calls for `limit` seconds, 5 at least."""
    runner.allocate_tensors()
    (entrance,), (exit_,) = runner.get_input_details(), runner.get_output_details()
    values = entered(entrance, images)
    took: list[float] = []
    end = time.perf_counter() + limit
    for image in cycle(values):
        started = time.perf_counter()
        runner.set_tensor(entrance["index"], image[np.newaxis])
        runner.invoke()
        runner.get_tensor(exit_["index"])
        took.append(time.perf_counter() - started)
        if time.perf_counter() > end and len(took) > 5:
            break
    return statistics.median(took[1:])
