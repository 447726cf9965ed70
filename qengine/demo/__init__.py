"""What `qengine demo` tells: a classifier of handwritten digits, trained, quantized in every way, run and compared."""
