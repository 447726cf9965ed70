"""Memory that each step frees, kept for the next one."""

from __future__ import annotations

import functools

import numpy as np

LEARNED_FROM = 31 << 20
"""Bytes. glibc takes no block of 32 MiB and more for an example."""


@functools.cache
def keep_freed_memory() -> None:
    """Lets the C library keep what is freed, up to 62 MiB, instead of handing it back to the system after each step.

    A step of a small network is mostly arrays of some MiB, whose pages the system would have to clear each time: half
    of its time. glibc learns from the largest block that comes and goes: blocks of that size are no longer mapped one
    by one, and the heap isn't trimmed below twice of it. So one such block, never touched, is taken and left. Elsewhere
    that does nothing.
    """
    np.empty(LEARNED_FROM, np.uint8)
