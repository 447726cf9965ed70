"""Kernels over float32, each with its planner: sums in any order, so equal to the reference but for rounding."""
