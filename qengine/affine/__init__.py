"""The mathematics of quantization on numbers and arrays: real = scale * (q - zero_point).

`parameters` makes scale and zero point from a range, `quantize` and `dequantize` apply them, `multiplier_and_shift` and
`real_multiplier` turn a real factor into integers and back, `activation_range` clamps a fused activation, `fake_quant`
and `fake_quant_gradient` do in float32 what quantizing would do. Knows no model.
"""

from .arithmetic import activation_range, dequantize, multiplier_and_shift, quantize, real_multiplier
from .fake import fake_quant, fake_quant_gradient, nudge
from .ranges import integer_limits, parameters

__all__ = [
    "activation_range",
    "dequantize",
    "fake_quant",
    "fake_quant_gradient",
    "integer_limits",
    "multiplier_and_shift",
    "nudge",
    "parameters",
    "quantize",
    "real_multiplier",
]
