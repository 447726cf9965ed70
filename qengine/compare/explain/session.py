"""One output element of a node as arithmetic, in the three profiles side by side."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np

from ...errors import ModelError, Unsupported
from ...kernels.profile import Profile
from ...model import Model, Node
from ...op import Array, Specs
from ...program import Program, plan_node
from ...samples import Sample, fed, samples_of
from ..kernels import Kernels
from ..recording import Feed, Recording, random_sample, step_of
from ..runners import Engine
from ..sides import model_of
from .enter import Entering, Term, entering
from .explanation import Account, ByProfile, Explanation
from .moves import NOWHERE, source_of
from .operands import names_of, operands_of
from .select import Element, plain, text_of
from .steps import Step, steps_of
from .trace import Call, watched

CONTROL = {"IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_COMPOSITE", "STABLEHLO_CASE"}


def explain(
    model: Any,
    node: int | str,
    index: int | Sequence[int],
    inputs: Any = None,
    *,
    output: int = 0,
    graph: int = 0,
    profiles: Sequence[str | Profile] = tuple(Profile),
    shared: str | Profile | None = None,
) -> Explanation:
    """How one element of a node's output comes about: its inputs, every rounding step, the result, in each profile.

    model: a Model, path or bytes. node: its number, or the name of what it computes. index: of the element; one number
    counts elements in C order. inputs: one sample, in any form that `samples_of` takes (of several the first counts);
    None: random numbers. output: which output of the node. shared: all profiles get the node's inputs as this profile
    computes them, so that only the node's own arithmetic differs; None: each profile its own.

    IndexError where there is no such node or element; Unsupported for operators that run other graphs; ModelError and
    RuntimeError where no profile can run the model. One that can't among others is named in `refused`.
    """
    opened = model_of(model)
    number = _node_number(opened, graph, node)
    found = opened.graphs[graph].nodes[number]
    if found.op.name in CONTROL:
        raise Unsupported(
            f"expected an operator with a kernel, got {found.op.name}: explain a node of the graph it runs"
        )
    feed = _feed(opened, graph, inputs)
    chosen = [Profile(profile) for profile in profiles]
    first, lead = _lead(opened, feed, [Profile(shared)] if shared is not None else chosen)
    kernels = Kernels(opened)
    accounts: dict[str, Account] = {}
    refused: dict[str, str] = {}
    for profile in chosen:
        try:
            recording = lead if shared is not None or profile is first else Engine(profile).record(opened, feed)
            accounts[profile.value] = _account(kernels, number, profile, feed, recording, lead, output, index)
        except (ModelError, RuntimeError) as error:
            if len(chosen) == 1:
                raise
            refused[profile.value] = str(error)
    tensor = opened.graphs[graph].tensors[found.outputs[output]]
    shape = _output(kernels, number, first, feed, lead, output).shape
    q = tensor.quantization
    point = None if q is None or q.zero_point is None or len(q.zero_point) != 1 else int(q.zero_point[0])
    return Explanation(
        found.op.name,
        number,
        tensor.name or f"tensor {found.outputs[output]}",
        _index(index, shape),
        shape,
        tensor.type.name,
        step_of(tensor),
        point,
        operands_of(kernels.program(first, feed), found),
        accounts,
        ByProfile({name: account.result for name, account in accounts.items()}),
        refused,
    )


def _lead(model: Model, feed: Feed, profiles: Sequence[Profile]) -> tuple[Profile, Recording]:
    """The first profile that runs the model, and its run."""
    for profile in profiles[:-1]:
        with suppress(ModelError, RuntimeError):
            return profile, Engine(profile).record(model, feed)
    return profiles[-1], Engine(profiles[-1]).record(model, feed)


def _node_number(model: Model, graph: int, node: int | str) -> int:
    nodes, tensors = model.graphs[graph].nodes, model.graphs[graph].tensors
    if isinstance(node, str):
        names = {tensors[i].name: number for number, one in enumerate(nodes) for i in one.outputs}
        if node not in names:
            raise IndexError(f"expected the name of what a node computes, got {node!r}")
        return names[node]
    if not -len(nodes) <= node < len(nodes):
        raise IndexError(f"expected a node from 0 to {len(nodes) - 1}, got {node}")
    return node % len(nodes)


def _feed(model: Model, graph: int, inputs: Any) -> Feed:
    sample = random_sample(model, np.random.default_rng(0)) if inputs is None else _sample(model, inputs)
    if sample.graph != graph:
        raise ValueError(f"expected inputs of graph {graph}, got some of graph {sample.graph}")
    tensors = model.graphs[graph].tensors
    return Feed(graph, {i: fed(tensors[i], array) for i, array in sample.arrays.items()})


def _sample(model: Model, inputs: Any) -> Sample:
    """The first sample; one array of an input's own shape, or a dictionary of such, is one sample."""
    tensors = model.graphs[0].tensors
    ranks = {tensors[i].name: len(tensors[i].shape or ()) for i in model.graphs[0].inputs}
    if isinstance(inputs, np.ndarray):
        whole = len(ranks) == 1 and inputs.ndim in ranks.values()
    elif isinstance(inputs, dict):
        whole = bool(inputs) and all(np.ndim(array) == ranks.get(name) for name, array in inputs.items())
    else:
        whole = isinstance(inputs, list | tuple) and len(inputs) == len(ranks) > 1
    found = list(islice(samples_of(model, [inputs] if whole else inputs), 1))
    if not found:
        raise ValueError("expected a sample, got none")
    return found[0]


def _index(index: int | Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    size = int(np.prod(shape, dtype=np.int64))
    if isinstance(index, int | np.integer):
        if not -size <= index < size:
            raise IndexError(f"expected an element from 0 to {size - 1}, got {index}")
        return tuple(int(i) for i in np.unravel_index(int(index) % size, shape))
    found = tuple(int(i) for i in index)
    if len(found) != len(shape) or any(not -n <= i < n for i, n in zip(found, shape, strict=True)):
        raise IndexError(f"expected an index within {list(shape)}, got {list(found)}")
    return tuple(i % n for i, n in zip(found, shape, strict=True))


def _output(kernels: Kernels, node: int, profile: Profile, feed: Feed, recording: Recording, output: int) -> Array:
    return kernels.outputs(node, profile, feed, recording)[output]


def _account(
    kernels: Kernels,
    number: int,
    profile: Profile,
    feed: Feed,
    recording: Recording,
    lead: Recording,
    output: int,
    index: int | Sequence[int],
) -> Account:
    """One profile's arithmetic."""
    program = kernels.program(profile, feed)
    node = program.graph.nodes[number]
    whole = _output(kernels, number, profile, feed, recording, output)
    element = Element(whole.shape, _index(index, whole.shape))
    arguments = kernels.arguments(number, profile, feed, recording)
    results, running = watched(element, lambda: program.evaluate(number, arguments))
    prepared = _prepared(program, node, profile, element, running)
    names = names_of(program, node)
    steps = steps_of(running, element)
    inputs = {name: array for name, array in zip(names, arguments, strict=True) if array is not None}
    found = entering(running, element, inputs)
    if not _computes(running, steps):
        moved = _moved(program, number, arguments, names, element, output)
        found, steps = (found, steps) if moved is None else (moved, [])
    result = plain(results[output][element.index])
    if not steps or text_of(plain(steps[-1].value)) != text_of(result):
        steps.append(_whole(program, number, found, result, steps))
    different = tuple(
        program.specs[i].name or f"tensor {i}"
        for i in dict.fromkeys(node.inputs)
        if i in recording and i in lead and not np.array_equal(recording[i], lead[i])
    )
    return Account(
        profile.value,
        kernels.rule(number, profile, feed),
        result,
        _with_zero_points(found, program, node),
        tuple(prepared),
        tuple(steps),
        different,
    )


def _computes(running: Call, steps: Sequence[Step]) -> bool:
    """Whether an element is more than a copy: something was rounded, rescaled or looked up for it."""
    functions = {call.function.rpartition(".")[2] for call in running.calls()}
    return any(step.exact is not None for step in steps) or bool(functions & {"rescale", "lookup", "lookup_int16"})


def _whole(program: Program, number: int, found: Entering, result: Any, before: Sequence[Step]) -> Step:
    """The kernel as one step, where it has none of its own; or what is left of it after the last one."""
    name = program.graph.nodes[number].op.name.lower()
    if found.kind.startswith(("copied", "padding")):
        return Step("", "", "copied", "", "", result)
    if before:
        last = before[-1]
        if isinstance(result, int) and isinstance(plain(last.value), int):
            kind = program.graph.tensors[program.graph.nodes[number].outputs[0]].type.name
            return Step("", "", "stored", f"the bits of {last.name} as {kind}", "", result)
        return Step("", "", "result", f"what {name} makes of {last.name}", "", result)
    numbers = ", ".join(text_of(term.q) for term in found.terms)
    return Step("", "", "result", f"{name}(the numbers above)", f"{name}({numbers})", result)


def _prepared(program: Program, node: Node, profile: Profile, element: Element, running: Call) -> list[Step]:
    """What the operator computes once: multipliers, and of a table the entry that the element reads."""
    specs = Specs(
        tuple(None if i < 0 else program.specs[i] for i in node.inputs),
        tuple(program.specs[i] for i in node.outputs),
        tuple(None if i < 0 else program.specs[i] for i in node.intermediates or ()),
    )
    if any(spec is not None and spec.shape is None for spec in specs.inputs):
        return []
    read = next((call for call in running.calls() if call.function == "lookup"), None)
    if read is not None:
        q = element.pick(read.arguments["x"])
        element = Element((256,), (int(np.asarray(q).view(np.uint8)),))
    _, planning = watched(element, lambda: plan_node(node.op, specs, profile, program.runtime))
    planning.body[0].calls = [call for call in planning.calls() if call.function == "plan"]
    return steps_of(planning, element, preparing=True)


def _moved(
    program: Program,
    number: int,
    arguments: Sequence[Array | None],
    names: Sequence[str],
    element: Element,
    output: int,
) -> Entering | None:
    """The one number of which the element is a copy, where the node only moves numbers."""
    spec = program.specs[program.graph.nodes[number].outputs[output]]
    if spec.type.dtype.kind not in "iu":
        return None
    movable = [k for k, array in enumerate(arguments) if array is not None and array.dtype == spec.type.dtype]
    try:
        found = source_of(lambda changed: program.evaluate(number, changed)[output], arguments, movable, element.index)
    except (RuntimeError, IndexError, ValueError):
        return None  # an argument that can't be anything: indices, lengths
    if found is None:
        return None
    if found == NOWHERE:
        return Entering("padding: one number, whatever the inputs are", ())
    which, at = found
    array = arguments[which]
    assert array is not None
    return Entering("copied from", (Term(names[which], at, plain(array[at])),))


def _with_zero_points(found: Entering, program: Program, node: Node) -> Entering:
    """Products show the numbers as the tensor holds them, too: kernels get them without their zero point."""
    if found.kind != "sum of products":
        return found
    weights = {w.input for w in node.op.weights} or {1}
    data = next((i for k, i in enumerate(node.inputs) if k not in weights and i >= 0 and _quantized(program, i)), None)
    if data is None:
        return found
    point = program.specs[data].zero_point
    terms = tuple(
        term
        if term.q != term.value
        else Term(term.name, term.at, term.q + point, term.value, term.weight_at, term.weight)
        for term in found.terms
    )
    return Entering(found.kind, terms, found.outside)


def _quantized(program: Program, index: int) -> bool:
    spec = program.specs[index]
    q = spec.quantization
    whole = q is not None and q.scale is not None and len(q.scale) == 1 and q.zero_point is not None
    return whole and spec.type.dtype.kind in "iu" and spec.type.bits <= 16
