"""One page about one model: what its tensors held, how the quantization grid lies over that, and what it cost.

from qengine.report import report_on
report_on("model.tflite", against="float.tflite", samples=images).save("report.html")
"""

from __future__ import annotations

from .collect import report_on
from .facts import Layer, ModelReport, TensorFacts

__all__ = ["Layer", "ModelReport", "TensorFacts", "report_on"]
