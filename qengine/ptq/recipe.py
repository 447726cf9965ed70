"""Recipes: what to quantize and how, as frozen values that JSON can hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ..model import TensorType
from .observers import Observer

GRANULARITIES = ("tensorwise", "channelwise", "blockwise")
_SMALLEST = {
    ("dynamic", "int8"): 1024,
    ("weight_only", "int8"): 1024,
    ("weight_only", "int4"): 64,
    ("weight_only", "float16"): 64,
}
"""Elements below which weights stay float: as in TensorFlow's converter, else where a DEQUANTIZE costs as much."""

COMPUTES = ("integer", "dynamic", "weight_only", "float")
_WEIGHTS = {"int8": TensorType.INT8, "int4": TensorType.INT4, "float16": TensorType.FLOAT16}
_ACTIVATIONS = {"int8": TensorType.INT8, "int16": TensorType.INT16}
_ENDS = {
    "float32": TensorType.FLOAT32,
    "int8": TensorType.INT8,
    "uint8": TensorType.UINT8,
    "int16": TensorType.INT16,
}


def _expect(what: str, value: str, allowed: Any) -> None:
    if value not in allowed:
        raise ValueError(f"expected {what} among {', '.join(allowed)}, got {value!r}")


@dataclass(frozen=True)
class Scheme:
    """How one node is quantized.

    compute: `integer` (activations and weights; needs ranges), `dynamic` (weights; activations on the fly),
    `weight_only` (weights, turned back to float by a DEQUANTIZE) or `float` (left alone).
    weights: int8, int4, or float16 (weight_only only). activations: int8 or int16 (integer only).
    granularity of the weights' scales: one a tensor, one a channel, or one a block of `block_size` (32, 64, 128 or 256)
    along the input of FULLY_CONNECTED, the only operator with blockwise kernels in the runtime; others are channelwise.
    weight_bits: how many of the weights' bits are used, 2 or more (3 bits kept as int4, say); 0: all.
    activation_bits: how many of the outputs' bits are used, for operators that clamp them by RELU6 (1 or more, the
    2**bits numbers from 0 to 6) or RELU_N1_TO_1 (2 or more, 2**bits - 1 numbers from -1 to 1); 0: all.
    """

    compute: str = "integer"
    weights: str = "int8"
    activations: str = "int8"
    granularity: str = "channelwise"
    block_size: int = 32
    weight_bits: int = 0
    activation_bits: int = 0

    def __post_init__(self) -> None:
        _expect("compute", self.compute, COMPUTES)
        _expect("weights", self.weights, _WEIGHTS)
        _expect("activations", self.activations, _ACTIVATIONS)
        _expect("granularity", self.granularity, GRANULARITIES)
        if self.weights == "float16" and self.compute not in ("weight_only", "float"):
            raise ValueError(f"expected compute 'weight_only' with float16 weights, got {self.compute!r}")
        if self.granularity == "blockwise":
            if self.block_size not in (32, 64, 128, 256):
                raise ValueError(f"expected a block_size of 32, 64, 128 or 256, got {self.block_size}")
            if self.compute == "integer":
                raise ValueError("expected tensorwise or channelwise weights with integer activations, got blockwise")
        most = 0 if self.weights == "float16" else self.weight_type.bits
        if self.weight_bits and not 2 <= self.weight_bits <= most:
            raise ValueError(f"expected weight_bits from 2 to {most}, or 0, got {self.weight_bits}")
        if self.activation_bits and (self.compute != "integer" or not 1 <= self.activation_bits <= 8):
            raise ValueError(
                f"expected activation_bits from 1 to 8 with integer activations, or 0, got {self.activation_bits}"
            )

    @property
    def weight_type(self) -> TensorType:
        return _WEIGHTS[self.weights]

    @property
    def activation_type(self) -> TensorType:
        return _ACTIVATIONS[self.activations]


FLOAT = Scheme("float")

SCHEMES: dict[str, Scheme] = {
    "dynamic_wi8_afp32": Scheme("dynamic"),
    "dynamic_wi4_afp32": Scheme("dynamic", "int4"),
    "static_wi8_ai8": Scheme(),
    "static_wi8_ai16": Scheme(activations="int16"),
    "static_wi4_ai8": Scheme(weights="int4"),
    "weight_only_wi8_afp32": Scheme("weight_only"),
    "weight_only_wi4_afp32": Scheme("weight_only", "int4"),
    "float16": Scheme("weight_only", "float16", granularity="tensorwise"),
    "float": FLOAT,
}
"""The ecosystem's names, and `float` for what a rule leaves alone."""


@dataclass(frozen=True)
class Rule:
    """Nodes, and how they are quantized. A node must meet every condition that is given.

    operator: builtin name (`CONV_2D`). name: regular expression, searched in the names of what the node computes, in
    the source model and after preparation. node: its number in the source model. graph: the number of its graph.
    scheme: a name of SCHEMES or a Scheme.
    """

    scheme: str | Scheme = "float"
    operator: str | None = None
    name: str | None = None
    node: int | None = None
    graph: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.scheme, str):
            _expect("scheme", self.scheme, SCHEMES)
        if self.name is not None:
            try:
                re.compile(self.name)
            except re.error as error:
                raise ValueError(f"expected a regular expression, got {self.name!r}: {error}") from error

    @property
    def resolved(self) -> Scheme:
        return SCHEMES[self.scheme] if isinstance(self.scheme, str) else self.scheme

    def matches(self, graph: int, operators: set[str], names: set[str], numbers: set[int]) -> bool:
        """Whether a node is meant: by the operators, outputs' names and numbers of all that was fused into it."""
        return (
            (self.graph is None or self.graph == graph)
            and (self.operator is None or self.operator in operators)
            and (self.node is None or self.node in numbers)
            and (self.name is None or any(re.search(self.name, name) for name in names))
        )


@dataclass(frozen=True)
class Recipe:
    """What to quantize and how.

    scheme: for every node that no rule names. rules: the first that matches a node decides.
    observer: chooses the activations' ranges; weight_observer: the weights'.
    min_weight_elements: smaller weights stay float (dynamic and weight-only schemes).
    input_type, output_type: of the model's own inputs and outputs: float32, or int8, uint8, int16 for integer schemes.
    unquantizable: what happens to operators without an integer kernel: `refuse` (an error that names them) or `float`
    (they stay float, between DEQUANTIZE and QUANTIZE, and the report says so).
    prepare: whether the float graph is tidied first (batch normalization, activations, padding, constants, dead nodes).
    refine: whether integer schemes may use what samples show to lose less than TensorFlow's converter does (biases are
    corrected; with observer min_max, channels balanced and some ranges chosen otherwise: `refine`). False: as it does.
    """

    scheme: Scheme = field(default_factory=Scheme)
    rules: tuple[Rule, ...] = ()
    observer: Observer = field(default_factory=Observer)
    weight_observer: Observer = field(default_factory=Observer)
    min_weight_elements: int = 0
    input_type: str = "float32"
    output_type: str = "float32"
    unquantizable: str = "refuse"
    prepare: bool = True
    refine: bool = True
    name: str = ""

    def __post_init__(self) -> None:
        _expect("input_type", self.input_type, _ENDS)
        _expect("output_type", self.output_type, _ENDS)
        _expect("unquantizable", self.unquantizable, ("refuse", "float"))
        ends = {"int8": ("float32", "int8", "uint8"), "int16": ("float32", "int16")}[self.scheme.activations]
        allowed = ends if self.scheme.compute == "integer" else ("float32",)
        for what in ("input_type", "output_type"):
            if getattr(self, what) not in allowed:
                raise ValueError(
                    f"expected {what} among {', '.join(allowed)} for this scheme, got {getattr(self, what)!r}"
                )
        if self.min_weight_elements < 0:
            raise ValueError(f"expected min_weight_elements of 0 or more, got {self.min_weight_elements}")

    @staticmethod
    def named(name: str, **changes: Any) -> Recipe:
        """The recipe with one of the ecosystem's names, with other values for some of its fields.

        keep_in_float: texts, each an operator's builtin name, `#7` for a node's number, or a regular expression for the
        names of what nodes compute. Fields of the scheme (granularity, block_size ...) may be given directly.
        """
        _expect("recipe", name, [known for known in SCHEMES if known != "float"])
        scheme = SCHEMES[name]
        inner = {part.name for part in fields(Scheme)}
        scheme = replace(scheme, **{key: changes.pop(key) for key in inner & changes.keys()})
        kept = tuple(keep_in_float(text) for text in changes.pop("keep_in_float", ()))
        unknown = changes.keys() - {part.name for part in fields(Recipe)}
        if unknown:
            raise TypeError(f"expected fields of Recipe or Scheme, got {', '.join(sorted(unknown))}")
        for key in ("observer", "weight_observer"):
            if isinstance(changes.get(key), str):
                changes[key] = Observer(changes[key])
        small = _SMALLEST.get((scheme.compute, scheme.weights), 0)
        rules = (*kept, *changes.pop("rules", ()))
        return Recipe(scheme, rules, name=name, **({"min_weight_elements": small} | changes))

    @property
    def needs_samples(self) -> bool:
        """Whether some node may get integer activations."""
        return any(scheme.compute == "integer" for scheme in (self.scheme, *(rule.resolved for rule in self.rules)))

    def types(self) -> tuple[TensorType, TensorType]:
        """Of the model's inputs and outputs."""
        return _ENDS[self.input_type], _ENDS[self.output_type]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `from_dict` takes them."""
        return asdict(self)

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_dict` described. ValueError where something is unknown or doesn't fit."""
        if isinstance(content.get("scheme"), str):
            return Recipe.named(**{("name" if key == "scheme" else key): value for key, value in content.items()})
        try:
            plain = dict(content)
            plain["scheme"] = Scheme(**plain.get("scheme", {}))
            plain["rules"] = tuple(_rule(rule) for rule in plain.get("rules", ()))
            for key in ("observer", "weight_observer"):
                plain[key] = Observer(**plain.get(key, {}))
            return Recipe(**plain)
        except TypeError as error:
            raise ValueError(f"expected the fields of a recipe: {error}") from error

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    @staticmethod
    def from_json(text: str) -> Recipe:
        """ValueError where the text isn't a recipe."""
        content = json.loads(text)
        if not isinstance(content, dict):
            raise ValueError(f"expected a JSON object, got {type(content).__name__}")
        return Recipe.from_dict(content)


def keep_in_float(text: str) -> Rule:
    """A rule that leaves nodes alone: `CONV_2D` names an operator, `#7` a node, anything else is searched in names."""
    if re.fullmatch(r"#\d+", text):
        return Rule(node=int(text[1:]))
    if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", text):
        return Rule(operator=text)
    return Rule(name=text)


def _rule(content: Mapping[str, Any]) -> Rule:
    scheme = content.get("scheme", "float")
    made = scheme if isinstance(scheme, str) else Scheme(**scheme)
    return Rule(**(dict(content) | {"scheme": made}))
