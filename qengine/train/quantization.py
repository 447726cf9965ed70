"""Between a plan of quantization and a network that trains under it: fake quantization put in, the file's model out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..model import Graph, Model, Quantization
from ..op import Array
from ..packing import integer_range
from ..ptq.apply import Applied, apply
from ..ptq.plan import Grid, Plan
from ..ptq.quantize import parameters_of
from ..ptq.ranges import Ranges, Summary
from .network import Network
from .ranges import Ends, Given, RangeRule, constant_ends, rule_of


def fake_quantized(
    model: Model,
    plan: Plan,
    ranges: Ranges,
    *,
    rule: str = "moving_average",
    learn_weights: bool = False,
    dtype: Any = np.float32,
) -> Network:
    """A network with fake quantization wherever the plan has a grid or a narrowed constant.

    ranges: of a calibration, where each range begins. rule: how activations' ranges go on, "moving_average", "lsq" or
    "pact". learn_weights: whether the weights' scales are trained (LSQ), or follow the weights.
    """
    parameters = parameters_of(model, plan, ranges)
    rules = [
        _rule(model.graphs[0], grid, start, rule)
        for grid, start in zip(plan.graphs[0].grids, parameters[0], strict=True)
    ]
    return Network(model, plan, rules, learn_weights=learn_weights, others=parameters[1:], dtype=dtype)


def _rule(graph: Graph, grid: Grid, start: Quantization, name: str) -> RangeRule:
    if grid.fixed is not None or graph.tensors[grid.range].is_constant:
        return Given(grid, start)
    return rule_of(name, grid, represented(grid, start), constant_ends([graph.tensors[i].array for i in grid.also]))


def represented(grid: Grid, quantization: Quantization) -> Ends:
    """The real numbers that a grid's least and greatest integer stand for."""
    assert quantization.scale is not None
    assert quantization.zero_point is not None
    scale, point = float(quantization.scale[0]), int(quantization.zero_point[0])
    low, high = integer_range(grid.type)
    return (low + grid.symmetric - point) * scale, (high - point) * scale


def exported(network: Network) -> Applied:
    """The quantized model of a network as it is now, made by `ptq.apply` as always."""
    assert network.plan is not None
    network.follow_constants()
    parameters = [[rule.quantization for rule in network.ranges], *network.others]
    return apply(network.current(), network.plan, parameters, learned_scales(network))


def learned_scales(network: Network) -> Mapping[tuple[int, Any], Array]:
    """Of weights whose scales were trained."""
    pairs = zip(network.program.narrowed, network.weights, strict=False)
    return {key: narrow.scales for key, narrow in pairs if narrow.scales is not None}


def trained_ranges(network: Network, ranges: Ranges) -> Ranges:
    """The calibration's ranges with those that training arrived at."""
    result = Ranges(dict(ranges), ranges.warnings)
    for rule in network.ranges:
        if not isinstance(rule, Given):
            key = network.keys[rule.grid.range]
            seen = ranges.get(key)
            made = Summary.of(*rule.ends)
            if seen is not None:
                made.samples, made.values, made.histogram = seen.samples, seen.values, seen.histogram
            result = Ranges({**result, key: made}, result.warnings)
    return result
