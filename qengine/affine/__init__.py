"""The mathematics of quantization on numbers and arrays: real = scale * (q - zero_point).

`parameters` makes scale and zero point from a range, `quantize` and `dequantize` apply them, `multiplier_and_shift` and
`real_multiplier` turn a real factor into integers and back, `activation_range` clamps a fused activation, `fake_quant`
and `fake_quant_gradient` do in float32 what quantizing would do. Knows no model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernels.first_use import names_of

if TYPE_CHECKING:
    from .arithmetic import activation_range as activation_range
    from .arithmetic import dequantize as dequantize
    from .arithmetic import multiplier_and_shift as multiplier_and_shift
    from .arithmetic import quantize as quantize
    from .arithmetic import real_multiplier as real_multiplier
    from .fake import fake_quant as fake_quant
    from .fake import fake_quant_gradient as fake_quant_gradient
    from .fake import nudge as nudge
    from .ranges import integer_limits as integer_limits
    from .ranges import parameters as parameters

_PUBLIC = {
    "activation_range": "arithmetic",
    "dequantize": "arithmetic",
    "fake_quant": "fake",
    "fake_quant_gradient": "fake",
    "integer_limits": "ranges",
    "multiplier_and_shift": "arithmetic",
    "nudge": "fake",
    "parameters": "ranges",
    "quantize": "arithmetic",
    "real_multiplier": "arithmetic",
}

__all__ = [*_PUBLIC]

__getattr__ = names_of(__name__, _PUBLIC)
