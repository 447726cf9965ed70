"""Kernels over float32, each with its planner: sums in any order, so equal to the reference but for rounding.

Modules are imported on first use: `float32.pool.plan_sum`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...first_use import modules_of

if TYPE_CHECKING:
    from . import batch_matmul as batch_matmul
    from . import convolution as convolution
    from . import dense as dense
    from . import depthwise as depthwise
    from . import elementwise as elementwise
    from . import layer as layer
    from . import pieces as pieces
    from . import pool as pool
    from . import recurrent as recurrent
    from . import resize as resize
    from . import softmax as softmax
    from . import sums as sums
    from . import transposed as transposed

__getattr__ = modules_of(__name__)
