"""Layers of float activations that are quantized on the fly, and int8 weights."""
