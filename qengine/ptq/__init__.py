"""Post-training quantization: samples to ranges, ranges and a recipe to a plan, the plan to a smaller model."""
