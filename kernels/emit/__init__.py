"""Fast kernels: Python that writes LLVM IR, which llvmlite compiles. No Numba, no C.

From the bottom up:

    language   values whose operators write one line of IR each, loops that carry values
    target     processor variants, and how one is chosen (QENGINE_CPU forces it)
    pieces, rounding            what kernels are put together from
    gemm, dense, depthwise_*, elementwise, pool, softmax, lookup, quantize, move, fill    kernels, each with its
                                planner
    float32, dynamic            the same for floats, and for floats quantized on the fly
    library    kernels by name; `python -m qengine.kernels.emit gemm_6_4_float_plain_full_int8` prints one
    cache, native, program      compiled once, linked, run as one call

A *planner* (`plan_convolution`, `plan_add`, ...) takes numbers and arrays and gives a `Compiled`: rows, each a call of
a kernel with its arguments, whose addresses are still open. It knows no model. Where no kernel suits, it gives the
reason as a string instead.

    variant = native.variant()                  # raises NoNativeCode: then the reference runs
    step = plan_dense(variant, rows, layer)
    stages = step.bind([input address], [output address], scratch address)
    program = Program(stages, variant)
    program.run()

What the caller owes a step: `step.constants` live as long as the rows; `step.scratch` bytes of memory, aligned to 64,
whose contents nobody else needs while it runs; int8 tensors stored as value XOR 0x80; and SLACK readable bytes after
every input. Outputs are written exactly. An input may not overlap the output, but for `flip` and ADD or MUL of the same
shape, where it may be the output.

Rows of one stage are independent: they may be shared among threads (`row.work` says how much each is). Stages follow
one another.

Modules are imported on first use: `emit.pool.plan_mean` after `from . import emit`. What only some models need is
written so where it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..first_use import modules_of

if TYPE_CHECKING:
    from . import add_fixed as add_fixed
    from . import crew as crew
    from . import dense as dense
    from . import depthwise as depthwise
    from . import dynamic as dynamic
    from . import elementwise as elementwise
    from . import float32 as float32
    from . import library as library
    from . import lookup as lookup
    from . import numbers as numbers
    from . import pool as pool
    from . import quantize as quantize
    from . import resize as resize
    from . import softmax as softmax
    from . import wide as wide

__getattr__ = modules_of(__name__)
