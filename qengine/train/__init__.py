"""Training a Model: gradients, fake quantization where post-training quantization puts its grids, and a trainer."""
