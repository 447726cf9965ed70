"""Kernels for int16 activations with int8 weights, whose sums may need 64 bits."""
