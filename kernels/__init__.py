"""Arithmetic on arrays and numbers: what every operator computes, without a model or a file format.

Public, and resolved on first use: `requantize`, `conv_int8`, `depthwise_conv_int8`, `matmul_int8` and `Profile`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if __name__ != "qengine.kernels":
    raise ImportError(
        f"expected import as 'qengine.kernels', got {__name__!r}: install the project (pip install -e .) "
        "and write 'from qengine.kernels import conv_int8'"
    )

from .first_use import names_of

if TYPE_CHECKING:
    from .layers import conv_int8 as conv_int8
    from .layers import depthwise_conv_int8 as depthwise_conv_int8
    from .layers import matmul_int8 as matmul_int8
    from .layers import requantize as requantize
    from .profile import Profile as Profile

_PUBLIC = {
    "Profile": "profile",
    "conv_int8": "layers",
    "depthwise_conv_int8": "layers",
    "matmul_int8": "layers",
    "requantize": "layers",
}

__all__ = [*_PUBLIC]

__getattr__ = names_of(__name__, _PUBLIC)
