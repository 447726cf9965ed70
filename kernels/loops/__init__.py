"""Ordinary loops, compiled by Numba: readable twins of reference kernels. Importing a loop imports numba."""
