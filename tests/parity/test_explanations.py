"""Explanations of random elements of every quantized operator, held to what the kernels compute.

By default one case of an operator, with int8 where it has that; QENGINE_CORPUS=all takes every case.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from parity_case import Case
from test_parity import CASES

from qengine.compare.explain.explanation import Account, Explanation
from qengine.compare.explain.select import plain
from qengine.compare.explain.session import CONTROL, explain
from qengine.compare.explain.steps import Step
from qengine.compare.recording import Feed, computed
from qengine.compare.runners import Engine
from qengine.errors import Unsupported
from qengine.kernels.profile import Profile
from qengine.model import Graph, Model, Node

EVERYTHING = os.environ.get("QENGINE_CORPUS") == "all"
SLOW = {"UNIDIRECTIONAL_SEQUENCE_LSTM", "TFLite_Detection_PostProcess", "REDUCE_PROD"}
"""Only where everything is asked for: they take longest, and LSTM has the first one's arithmetic."""


def is_quantized(graph: Graph, node: Node) -> bool:
    found = [graph.tensors[i].quantization for i in (*node.inputs, *node.outputs) if i >= 0]
    return any(q is not None and q.scale is not None and len(q.scale) > 0 for q in found)


def chosen() -> dict[str, tuple[Case, int]]:
    """By operator and types: a case, and its node."""
    found: dict[str, tuple[Case, int]] = {}
    for name, case in CASES.items():
        if case.refused or (not EVERYTHING and "float32" in name):
            continue
        graph = case.model().graphs[0]
        for number, node in enumerate(graph.nodes):
            if is_quantized(graph, node) and node.op.name not in CONTROL and set(node.outputs) & set(computed(graph)):
                given = [i for i in node.inputs if i >= 0 and not graph.tensors[i].is_constant] or [node.outputs[0]]
                types = "_".join(graph.tensors[i].type.name.lower() for i in (given[0], node.outputs[0]))
                found.setdefault(f"{node.op.name}_{types}" + (f"_{name}" if EVERYTHING else ""), (case, number))
    if EVERYTHING:
        return found
    brief = {
        name: pair for name, pair in found.items() if operator_of(*pair) not in SLOW and "float32_float32" not in name
    }
    order = sorted(brief, key=lambda name: not name.endswith("_int8_int8"))
    first = {operator_of(*found[name]): name for name in reversed(order)}
    return {name: pair for name, pair in brief.items() if first[operator_of(*pair)] == name}


def operator_of(case: Case, node: int) -> str:
    return case.model().graphs[0].nodes[node].op.name


CHOSEN = chosen()


class Page(HTMLParser):
    """Whether every element that a page opens is closed again, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    a, b = plain(a), plain(b)
    return bool(a == b) or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


def check_step(step: Step) -> None:
    """A formula's numbers give its value, and the exact number before a rounding lies near it."""
    if step.checked is not None:
        assert same(step.checked.evaluate(), step.value), f"{step.function}: {step.text}"
    if step.exact is not None and step.name != "without rounding":
        assert abs(step.exact - int(plain(step.value))) <= 0.5, f"{step.function}: {step.text}"


def check_account(account: Account) -> None:
    for step in (*account.prepared, *account.steps):
        check_step(step)
    assert same(plain(account.steps[-1].value), account.result)
    sums = [step for step in account.steps if step.name == "sum of products"]
    if account.entering.kind == "sum of products" and sums:
        assert account.entering.total == plain(sums[0].value)
    if account.entering.kind == "copied from":
        (term,) = account.entering.terms
        assert same(term.q, account.result)


def sample_of(case: Case, model: Model) -> Feed:
    graph = model.graphs[0]
    return Feed(0, dict(zip(graph.inputs, case.call(model, 0), strict=True)))


@pytest.mark.parametrize("name", CHOSEN)
def test_an_explanation_is_what_the_kernel_computes(name: str) -> None:
    case, node = CHOSEN[name]
    model = case.model()
    feed = sample_of(case, model)
    output = model.graphs[0].nodes[node].outputs[0]
    profiles = tuple(Profile)
    held = {profile: Engine(profile).record(model, feed)[output] for profile in profiles}
    whole = held[profiles[0]]
    if whole.size == 0:
        pytest.skip("there is no element to explain")
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for position in rng.integers(whole.size, size=4 if EVERYTHING else 1):
        index = tuple(int(i) for i in np.unravel_index(position, whole.shape))
        found: Explanation = explain(model, node, index, list(feed.arrays.values()), profiles=profiles)
        for profile in profiles:
            assert same(found.result[profile], held[profile][index])
            check_account(found.accounts[profile.value])
        distinct = {str(held[profile][index]) for profile in profiles}
        assert (found.parting is None) == (len(distinct) == 1)
        facts = json.loads(found.to_json())
        assert facts["index"] == list(index)
        assert list(facts["profiles"]) == [profile.value for profile in profiles]
        page = Page()
        page.feed(found.to_html())
        assert page.open == []
        assert found.operator in str(found)


def test_every_quantized_operator_has_a_case() -> None:
    """Operators that a quantized file may hold, by their own rules: what they make isn't left as they find it."""
    explained = {case.model().graphs[0].nodes[node].op.name for case, node in CHOSEN.values()}
    for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL", "ADD", "SUB"):
        assert name in explained
    assert len(explained) >= 60


def test_control_flow_has_no_arithmetic_of_its_own() -> None:
    case = next(
        case
        for name, case in CASES.items()
        if not case.refused and any(node.op.name in CONTROL for node in case.model().graphs[0].nodes)
    )
    model = case.model()
    node = next(k for k, node in enumerate(model.graphs[0].nodes) if node.op.name in CONTROL)
    with pytest.raises(Unsupported, match="expected an operator with a kernel"):
        explain(model, node, 0)
