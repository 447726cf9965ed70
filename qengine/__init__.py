"""A quantization engine in pure Python with a TFLite-compatible interpreter. Public names are resolved on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import affine as affine
    from .build import Builder as Builder
    from .compare.comparison import Comparison as Comparison
    from .compare.comparison import NodeComparison as NodeComparison
    from .compare.doctor import Finding as Finding
    from .compare.doctor import examine as examine
    from .compare.explain.explanation import Explanation as Explanation
    from .compare.explain.session import explain as explain
    from .compare.session import compare as compare
    from .custom import CustomOperator as CustomOperator
    from .errors import ModelError as ModelError
    from .errors import Unsupported as Unsupported
    from .interpreter import Interpreter as Interpreter
    from .interpreter import InterpreterWithCustomOps as InterpreterWithCustomOps
    from .interpreter import OpResolverType as OpResolverType
    from .interpreter import SignatureRunner as SignatureRunner
    from .model import Model as Model
    from .model import TensorType as TensorType
    from .ptq.dequantize import dequantize_model as dequantize_model
    from .ptq.observers import Observer as Observer
    from .ptq.quantize import Quantized as Quantized
    from .ptq.quantize import calibrate as calibrate
    from .ptq.quantize import quantize as quantize
    from .ptq.ranges import Ranges as Ranges
    from .ptq.recipe import Recipe as Recipe
    from .ptq.recipe import Rule as Rule
    from .ptq.recipe import Scheme as Scheme
    from .tflite import load as load
    from .tflite import save as save
    from .tflite import to_bytes as to_bytes
    from .train.batch_normalization import BatchNormalization as BatchNormalization
    from .train.dropout import Dropout as Dropout
    from .train.finetune import Finetuned as Finetuned
    from .train.finetune import finetune as finetune
    from .train.fit import Fitted as Fitted
    from .train.fit import fit as fit
    from .train.initializers import glorot_uniform as glorot_uniform
    from .train.initializers import he_normal as he_normal
    from .train.layers import Layers as Layers
    from .train.losses import Corrected as Corrected
    from .train.losses import CrossEntropy as CrossEntropy
    from .train.losses import Distillation as Distillation
    from .train.losses import MeanSquaredError as MeanSquaredError
    from .train.optimizers import SGD as SGD
    from .train.optimizers import Adam as Adam
    from .train.schedules import ConstantRate as ConstantRate
    from .train.schedules import CosineRate as CosineRate
    from .train.schedules import ExponentialRate as ExponentialRate
    from .train.schedules import StepRate as StepRate
    from .train.settings import TrainingSettings as TrainingSettings
    from .train.transfer import new_head as new_head

__version__ = "0.1.0"

_PUBLIC = {
    "ModelError": "errors",
    "Unsupported": "errors",
    "load": "tflite",
    "save": "tflite",
    "to_bytes": "tflite",
    "affine": "",
    "Builder": "build",
    "Comparison": "compare.comparison",
    "Explanation": "compare.explain.explanation",
    "Finding": "compare.doctor",
    "NodeComparison": "compare.comparison",
    "compare": "compare.session",
    "explain": "compare.explain.session",
    "examine": "compare.doctor",
    "CustomOperator": "custom",
    "Interpreter": "interpreter",
    "InterpreterWithCustomOps": "interpreter",
    "Model": "model",
    "OpResolverType": "interpreter",
    "SignatureRunner": "interpreter",
    "TensorType": "model",
    "dequantize_model": "ptq.dequantize",
    "Observer": "ptq.observers",
    "Quantized": "ptq.quantize",
    "calibrate": "ptq.quantize",
    "quantize": "ptq.quantize",
    "Ranges": "ptq.ranges",
    "Recipe": "ptq.recipe",
    "Rule": "ptq.recipe",
    "Scheme": "ptq.recipe",
    "fit": "train.fit",
    "Fitted": "train.fit",
    "finetune": "train.finetune",
    "Finetuned": "train.finetune",
    "TrainingSettings": "train.settings",
    "SGD": "train.optimizers",
    "Adam": "train.optimizers",
    "ConstantRate": "train.schedules",
    "CosineRate": "train.schedules",
    "StepRate": "train.schedules",
    "ExponentialRate": "train.schedules",
    "Corrected": "train.losses",
    "CrossEntropy": "train.losses",
    "MeanSquaredError": "train.losses",
    "Distillation": "train.losses",
    "BatchNormalization": "train.batch_normalization",
    "Dropout": "train.dropout",
    "Layers": "train.layers",
    "he_normal": "train.initializers",
    "glorot_uniform": "train.initializers",
    "new_head": "train.transfer",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f".{_PUBLIC[name] or name}", __name__)
    value = getattr(module, name) if _PUBLIC[name] else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
