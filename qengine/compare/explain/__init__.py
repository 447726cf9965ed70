"""One element of an operator's output as arithmetic: watched in the reference kernels, told step by step."""
