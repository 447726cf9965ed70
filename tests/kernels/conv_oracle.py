"""Convolutions as their definitions say, on Python integers, one output at a time."""

from __future__ import annotations

import itertools

import numpy as np


def _terms(x, zero_point, kernel, geometry):
    """For each output pixel its place, and per tap inside the image the tap and the pixel less the zero point."""
    stride, dilation, output, padding = geometry
    for n, y, xx in itertools.product(range(len(x)), *map(range, output)):
        taps = []
        for ky, kx in itertools.product(*map(range, kernel)):
            row = y * stride[0] + ky * dilation[0] - padding[0]
            column = xx * stride[1] + kx * dilation[1] - padding[1]
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                taps.append(((ky, kx), [int(v) - zero_point for v in x[n, row, column]]))
        yield (n, y, xx), taps


def conv(x, zero_point, weights, weight_zero_point, bias, geometry):
    outputs, kh, kw, depth = weights.shape
    groups = x.shape[3] // depth
    out = np.zeros((len(x), *geometry.output, outputs), object)
    for place, taps in _terms(x, zero_point, (kh, kw), geometry):
        for o in range(outputs):
            first = o // (outputs // groups) * depth
            out[place][o] = int(bias[o]) + sum(
                pixel[first + i] * (int(weights[o, ky, kx, i]) - weight_zero_point)
                for (ky, kx), pixel in taps
                for i in range(depth)
            )
    return out


def depthwise(x, zero_point, weights, weight_zero_point, bias, geometry):
    _, kh, kw, outputs = weights.shape
    multiplier = outputs // x.shape[-1]
    out = np.zeros((len(x), *geometry.output, outputs), object)
    for place, taps in _terms(x, zero_point, (kh, kw), geometry):
        for o in range(outputs):
            out[place][o] = int(bias[o]) + sum(
                pixel[o // multiplier] * (int(weights[0, ky, kx, o]) - weight_zero_point) for (ky, kx), pixel in taps
            )
    return out


def transpose_conv(x, zero_point, weights, weight_zero_point, bias, stride, padding, output):
    outputs, kh, kw, depth = weights.shape
    out = np.zeros((len(x), *output, outputs), object) + [int(b) for b in bias]
    for n, row, column in np.ndindex(x.shape[:3]):
        for ky, kx, o, i in np.ndindex(kh, kw, outputs, depth):
            y, xx = row * stride[0] - padding[0] + ky, column * stride[1] - padding[1] + kx
            if 0 <= y < output[0] and 0 <= xx < output[1]:
                weight = int(weights[o, ky, kx, i]) - weight_zero_point
                out[n, y, xx, o] += (int(x[n, row, column, i]) - zero_point) * weight
    return out
