"""Kernels for int16 activations with int8 weights, whose sums may need 64 bits.

Modules are imported on first use: `wide.products.plan_dense`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...first_use import modules_of

if TYPE_CHECKING:
    from . import depthwise as depthwise
    from . import elementwise as elementwise
    from . import layer as layer
    from . import pool as pool
    from . import products as products
    from . import softmax as softmax

__getattr__ = modules_of(__name__)
