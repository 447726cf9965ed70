"""Writes fake_quant_golden.json with TensorFlow 2.20.0: python make_fake_quant_golden.py. No test needs TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

RANGES = [(-1.0, 1.0), (-3.7, 5.1), (0.0, 6.0), (-0.1, 10.3), (1.0, 3.0), (-5.0, -2.0), (0.0, 0.0)]


def floats(x):
    """Decimals that read back as the same float32."""
    return [float(str(value)) for value in np.asarray(x, np.float32).ravel()]


def per_tensor(rng, bits, narrow_range, low, high):
    x = np.concatenate([rng.uniform(low - 1, high + 1, 14), [low, high, 0.0]]).astype(np.float32)
    gradient = rng.normal(size=x.shape).astype(np.float32)
    y = tf.quantization.fake_quant_with_min_max_vars(x, low, high, bits, narrow_range)
    gradients = tf.raw_ops.FakeQuantWithMinMaxVarsGradient(
        gradients=gradient, inputs=x, min=low, max=high, num_bits=bits, narrow_range=narrow_range
    )
    return x, gradient, low, high, y, gradients


def per_channel(rng, bits, narrow_range):
    low, high = np.array(RANGES, np.float32).T
    x = rng.uniform(low - 1, high + 1, (6, len(RANGES))).astype(np.float32)
    gradient = rng.normal(size=x.shape).astype(np.float32)
    y = tf.quantization.fake_quant_with_min_max_vars_per_channel(x, low, high, bits, narrow_range)
    gradients = tf.raw_ops.FakeQuantWithMinMaxVarsPerChannelGradient(
        gradients=gradient, inputs=x, min=low, max=high, num_bits=bits, narrow_range=narrow_range
    )
    return x, gradient, low, high, y, gradients


def main():
    rng = np.random.default_rng(2020)
    cases = []
    for bits in (2, 4, 8, 16):
        for narrow_range in (False, True):
            made = [(None, per_tensor(rng, bits, narrow_range, *limits)) for limits in RANGES]
            made.append((-1, per_channel(rng, bits, narrow_range)))
            for axis, (x, gradient, low, high, y, gradients) in made:
                names = ("x", "gradient", "low", "high", "y", "dx", "dlow", "dhigh")
                arrays = (x, gradient, low, high, y, *gradients)
                case = dict(zip(names, map(floats, arrays), strict=True))
                cases.append(dict(bits=bits, narrow_range=narrow_range, axis=axis, shape=list(x.shape), **case))
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    Path(__file__).with_name("fake_quant_golden.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
