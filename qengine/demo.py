"""The demo's network: a convolutional classifier of handwritten digits that nobody trained.

Its filters are fixed (edges in 16 directions), its read-out is least squares. Made as float and as int8 network.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .affine import parameters, quantize
from .build import Builder, Operand
from .digits import Digits
from .interpreter import Interpreter
from .model import Model
from .ops.conv_2d import Conv2D
from .ops.fully_connected import FullyConnected
from .ops.max_pool_2d import MaxPool2D
from .ops.reshape import Reshape
from .ops.softmax import Softmax
from .options import ActivationFunctionType, Padding

Float32Array = NDArray[np.float32]
Range = tuple[float, float]

CONV = Conv2D(Padding.SAME, 1, 1, ActivationFunctionType.RELU)
POOL = MaxPool2D(Padding.VALID, 2, 2, 2, 2)
WHITE, BLACK = 0.0, 16.0


@dataclass(frozen=True)
class Classifier:
    """filters (16 3 3 1), matrix (10 256) and offsets (10): real numbers, from which both networks are made."""

    filters: Float32Array
    matrix: Float32Array
    offsets: Float32Array


def edges(directions: int = 16) -> Float32Array:
    """Filters (directions 3 3 1) of length 1: the slope of a blurred spot, in so many directions around the circle."""
    y, x = np.mgrid[-1:2, -1:2]
    angles = 2 * np.pi * np.arange(directions) / directions
    slope = np.cos(angles)[:, None, None] * x + np.sin(angles)[:, None, None] * y
    spot = slope * np.exp(-(x**2 + y**2) / 2)
    spot /= np.sqrt((spot**2).sum(axis=(1, 2), keepdims=True))
    filters: Float32Array = spot[..., np.newaxis].astype(np.float32)
    return filters


def fit(train: Digits, weight_decay: float = 1e-4) -> Classifier:
    """The read-out that comes nearest to one for the right digit and zero for others, over the training images.

    Its scores are then stretched so that a softmax of them gives the likeliest probabilities.
    """
    filters = edges()
    b = Builder("features")
    x = b.input("image", train.images.shape)
    interpreter = Interpreter(model=b.model([_features(b, x, filters)]))
    features = _call(interpreter, train.images).astype(np.float64)
    center = features.mean(axis=0)
    spread = (features - center).T @ (features - center) / len(features)
    wanted = np.eye(10)[train.labels]
    pull = (features - center).T @ (wanted - wanted.mean(axis=0)) / len(features)
    decay = weight_decay * np.trace(spread) * np.eye(len(spread))
    matrix = np.linalg.solve(spread + decay, pull)
    offsets = wanted.mean(axis=0) - center @ matrix
    stretch = _stretch(features @ matrix + offsets, train.labels)
    return Classifier(filters, (stretch * matrix.T).astype(np.float32), (stretch * offsets).astype(np.float32))


def _stretch(scores: NDArray[np.float64], labels: NDArray[np.uint8]) -> float:
    """The factor of `scores` under which a softmax gives the labels the highest likelihood, of some factors tried."""

    def loss(factor: float) -> float:
        logits = factor * scores
        return float((np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]).mean())

    return min((float(factor) for factor in np.geomspace(1, 40, 30)), key=loss)


def _features(b: Builder, x: Operand, filters: Float32Array) -> Operand:
    y = b.add(CONV, [x, filters, np.zeros(len(filters), np.float32)], name="edges")
    y = b.add(POOL, [y], name="pooled")
    return b.add(Reshape(), [y, [-1, 256]], name="features")


def float_model(classifier: Classifier) -> Model:
    b = Builder("main", description="handwritten digits, float32")
    x = b.input("image", (1, 8, 8, 1), shape_signature=(-1, 8, 8, 1))
    y = _features(b, x, classifier.filters)
    y = b.add(FullyConnected(), [y, classifier.matrix, classifier.offsets], name="scores")
    return b.model([b.add(Softmax(beta=1.0), [y], name="probabilities")])


def int8_model(classifier: Classifier, ranges: Mapping[str, Range]) -> Model:
    """The same network in integers; `ranges` says how far the values of each tensor reach, by name."""

    def quantized(name: str) -> dict[str, Any]:
        scale, zero_point = parameters(*ranges[name])
        return {"scale": scale, "zero_point": zero_point}

    b = Builder("main", description="handwritten digits, int8")
    x = b.input("image", (1, 8, 8, 1), np.int8, shape_signature=(-1, 8, 8, 1), **quantized("image"))
    filters = b.weights(classifier.filters, name="filters")
    y = b.add(CONV, [x, filters, np.zeros(len(classifier.filters))], name="edges", **quantized("edges"))
    y = b.add(POOL, [y], name="pooled")
    y = b.add(Reshape(), [y, [-1, 256]], name="features")
    matrix = b.weights(classifier.matrix, axis=None, name="matrix")
    y = b.add(FullyConnected(), [y, matrix, classifier.offsets], name="scores", **quantized("scores"))
    return b.model([b.add(Softmax(beta=1.0), [y], name="probabilities")])


def observe(model: Model, images: Float32Array) -> dict[str, Range]:
    """The least and the greatest value of each tensor of the first graph, by name, over these images."""
    interpreter = Interpreter(model=model, experimental_preserve_all_tensors=True)
    _call(interpreter, images)
    found = {}
    for detail in interpreter.get_tensor_details():
        values = interpreter.get_tensor(detail["index"])
        found[str(detail["name"])] = (float(values.min()), float(values.max()))
    return {**found, "image": (WHITE, BLACK)}


class Runner(Protocol):
    """What qengine's Interpreter and the runtime's have in common."""

    def allocate_tensors(self) -> None: ...
    def invoke(self) -> None: ...
    def get_input_details(self) -> Sequence[Mapping[str, Any]]: ...
    def get_output_details(self) -> Sequence[Mapping[str, Any]]: ...
    def set_tensor(self, tensor_index: int, value: Any) -> None: ...
    def get_tensor(self, tensor_index: int) -> Any: ...


class Answers(NamedTuple):
    """outputs (n 10), as the network gives them; seconds: the median time of one image, in and out included."""

    outputs: NDArray[Any]
    seconds: float

    def accuracy(self, labels: NDArray[np.uint8]) -> float:
        """The part of the images for which the highest output is the label's."""
        return float((self.outputs.argmax(axis=1) == labels).mean())


def answer(runner: Runner, images: Float32Array) -> Answers:
    """Gives the images to a network one by one, in the integers of its input if it takes integers."""
    runner.allocate_tensors()
    (entrance,), (exit_,) = runner.get_input_details(), runner.get_output_details()
    if np.issubdtype(entrance["dtype"], np.integer):
        scale, zero_point = entrance["quantization"]
        values = quantize(images, scale, zero_point, entrance["dtype"])
    else:
        values = images
    outputs, seconds = [], []
    for image in values:
        started = time.perf_counter()
        runner.set_tensor(entrance["index"], image[np.newaxis])
        runner.invoke()
        outputs.append(runner.get_tensor(exit_["index"]))
        seconds.append(time.perf_counter() - started)
    return Answers(np.concatenate(outputs), float(np.median(seconds)))


def _call(interpreter: Interpreter, images: Float32Array) -> NDArray[Any]:
    """All images in one call."""
    (entrance,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(entrance["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entrance["index"], images)
    interpreter.invoke()
    return interpreter.get_tensor(exit_["index"])
