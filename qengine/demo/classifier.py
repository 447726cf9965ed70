"""The demo's network: a small convolutional classifier of handwritten digits, trained from random weights."""

from __future__ import annotations

from ..build import Builder
from ..digits import Digits
from ..model import Model
from ..ops.softmax import Softmax
from ..options import ActivationFunctionType
from ..train.fit import fit
from ..train.layers import Layers
from ..train.optimizers import Adam
from ..train.settings import TrainingSettings
from ..train.trainer import Told

EPOCHS = 20


def network(seed: int = 0) -> Model:
    """(n 8 8 1) grey levels from 0 to 16 -> (n 10) probabilities: three convolutions and a dense layer, untrained.

    15,248 weights; batch normalization and dropout while it trains.
    """
    b = Builder("digits", description="handwritten digits")
    layers = Layers(b, seed)
    y = b.input("image", (1, 8, 8, 1), shape_signature=(-1, 8, 8, 1))
    y = layers.conv(y, 16, normalize=True, name="strokes")
    y = layers.conv(y, 32, stride=2, normalize=True, name="parts")
    y = layers.conv(y, 32, stride=2, normalize=True, name="shapes")
    y = layers.dropout(layers.flatten(y, name="features"), 0.25)
    y = layers.dense(y, 10, activation=ActivationFunctionType.NONE, name="scores")
    return b.model([b.add(Softmax(beta=1.0), [y], name="probabilities")])


def trained(digits: Digits, *, seed: int = 0, epochs: int = EPOCHS, progress: Told | None = None) -> Model:
    """The network trained on digits, as a float file holds it."""
    how = TrainingSettings(epochs=epochs, optimizer=Adam(3e-3), seed=seed)
    return fit(network(seed), digits.images, digits.labels, progress=progress, settings=how).model
