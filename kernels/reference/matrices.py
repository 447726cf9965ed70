"""Weights that rows of float32 are multiplied with in recurrent cells: float32, of 8 bits, or the diagonal alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..arrays import Float32Array, Float64Array, Int8Array
from .dynamic_range import Rows, quantize_asymmetric, quantize_symmetric


class Matrix(ABC):
    """Weights (c, k) that rows (r, k) are multiplied with."""

    @abstractmethod
    def prepare(self, rows: Float32Array) -> Any:
        """Rows as `times` of this kind of matrix takes them: done once for all matrices that they meet."""

    @abstractmethod
    def times(self, prepared: Any) -> Float32Array:
        """Products (r, c)."""

    def of(self, x: Float32Array) -> Float32Array:
        """Products (.., c) of rows (.., k)."""
        products = self.times(self.prepare(x.reshape(-1, x.shape[-1])))
        return products.reshape(*x.shape[:-1], -1)


@final
@dataclass(frozen=True, eq=False)
class FloatMatrix(Matrix):
    weights: Float32Array

    def prepare(self, rows: Float32Array) -> Float32Array:
        return rows

    def times(self, prepared: Float32Array) -> Float32Array:
        return prepared @ self.weights.T


@final
class DynamicMatrix(Matrix):
    """int8 weights of one scale; rows are quantized on the fly, each for itself."""

    def __init__(self, weights: Int8Array, scale: np.float32, *, asymmetric: bool) -> None:
        self._weights: Float64Array = weights.T.astype(np.float64)
        self._scale = scale
        self._quantize = quantize_asymmetric if asymmetric else quantize_symmetric

    def prepare(self, rows: Float32Array) -> Rows:
        return self._quantize(rows)

    def times(self, prepared: Rows) -> Float32Array:
        sums = (prepared.centered @ self._weights).astype(np.float32)
        return sums * (prepared.scale * self._scale)[:, np.newaxis]


@final
@dataclass(frozen=True, eq=False)
class Diagonal(Matrix):
    """A diagonal matrix, float32 (c,)."""

    weights: Float32Array

    def prepare(self, rows: Float32Array) -> Float32Array:
        return rows

    def times(self, prepared: Float32Array) -> Float32Array:
        return prepared * self.weights
