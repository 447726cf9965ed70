"""Arithmetic on arrays and numbers: what every operator computes, without a model or a file format."""

if __name__ != "qengine.kernels":
    raise ImportError(
        f"expected import as 'qengine.kernels', got {__name__!r}: install the project (pip install -e .) "
        "and write 'from qengine.kernels import conv_int8'"
    )
