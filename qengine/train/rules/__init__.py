"""Gradient rules by families of operators: arrays in, arrays out."""
