"""Settings of the property tests of kernels."""

from __future__ import annotations

from hypothesis import settings

# Seeds are fixed. The first call of a compiled loop takes seconds, the others microseconds: no deadline.
settings.register_profile("kernels", deadline=None, derandomize=True)
settings.load_profile("kernels")
