"""Kernels over float32, each with the planner that packs for it: sums in any order, so equal to the reference but for rounding."""
