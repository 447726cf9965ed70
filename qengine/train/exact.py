"""The forward pass through the exact integer kernels, and layer by layer where the fake-quantized one parts from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..kernels.profile import Profile
from ..op import Array
from ..program import Program, Runtime
from ..ptq.report import real_values
from ..samples import fed
from .data import Stored, Streamed
from .execution import Pass
from .network import Network
from .quantization import exported


@dataclass(frozen=True)
class Parting:
    """One node's output: what fake quantization computes beside what the exported file's kernels do, from equal inputs.

    step: of the output's grid; None where it stays real. apart: how many of its `elements` differ, by half a step or
    more; real ones by more than 1e-5 of the greatest. furthest: the greatest difference, in steps, or relative to the
    greatest number. Where a node before has parted, this one's input is the integer kernels' all the same.
    """

    node: int
    operator: str
    name: str
    step: float | None
    elements: int
    apart: int
    furthest: float

    def __str__(self) -> str:
        unit = "of the greatest" if self.step is None else "steps"
        share = f"{self.apart} of {self.elements} apart"
        return f"{self.node:3} {self.operator} {self.name}: {share}, at most {self.furthest:.3g} {unit}"


class Exact:
    """The integer model of a network as it is now, run beside it."""

    def __init__(self, network: Network, profile: Profile = Profile.XNNPACK) -> None:
        self.network = network
        applied = exported(network)
        self.model, self._tensors = applied.model, applied.tensors[0]
        self._runtime = Runtime(self.model, profile, keep_all=True)
        self._program: Program | None = None
        self._slots = self._own_slots()

    def _own_slots(self) -> dict[int, tuple[int, int]]:
        """The slots in which nodes give their outputs: node and tensor."""
        network = self.network
        assert network.plan is not None
        own = network.plan.graphs[0].tensors
        makers = {i: at for at, node in enumerate(network.graph.nodes) for i in node.outputs}
        return {
            slot: (makers[tensor], tensor)
            for slot, (tensor, grid) in enumerate(network.program.slots)
            if tensor in makers and grid == own[tensor] and tensor in self._tensors
        }

    def run(
        self, inputs: Mapping[int, Array], *, training: bool = False, seed: tuple[int, ...] = (0,)
    ) -> tuple[Pass, list[Parting]]:
        """The network's run with every node's output replaced by the integer kernels', and what that changed.

        inputs: real, by tensor of the network, batched; the integer model is run sample by sample.
        """
        computed = self._computed(inputs)
        found: list[Parting] = []

        def instead(slot: int, value: Array) -> Array:
            if slot not in self._slots or value.dtype.kind != "f":
                return value
            node, tensor = self._slots[slot]
            exact = computed[tensor].reshape(value.shape).astype(value.dtype)
            found.append(self._parting(node, tensor, slot, value, exact))
            return exact

        run = self.network.run(inputs, training=training, seed=seed, instead=instead)
        return run, found

    def _computed(self, inputs: Mapping[int, Array]) -> dict[int, Array]:
        """Real numbers of the integer model's tensors, by tensor of the network."""
        graph = self.model.graphs[0]
        rows: dict[int, list[Array]] = {}
        plain, moved = self.network.graph, self._tensors
        size = max((plain.tensors[plain.inputs[0]].shape or (1,))[0], 1)
        for start in range(0, len(inputs[plain.inputs[0]]), size):
            program = self._prepared()
            program.reset_variables()
            for i, there in zip(plain.inputs, graph.inputs, strict=True):
                target = program.values[there]
                assert target is not None
                np.copyto(target, fed(graph.tensors[there], inputs[i][start : start + size]))
            program.run()
            for _, tensor in self._slots.values():
                value = program.read(moved[tensor])
                assert value is not None
                rows.setdefault(tensor, []).append(real_values(graph.tensors[moved[tensor]], value).copy())
        return {tensor: np.concatenate([np.atleast_1d(part) for part in parts]) for tensor, parts in rows.items()}

    def _prepared(self) -> Program:
        if self._program is None:
            graph = self.model.graphs[0]
            self._program = Program(self._runtime, 0)
            self._program.prepare([graph.tensors[i].shape or () for i in graph.inputs])
        return self._program

    def _parting(self, node: int, tensor: int, slot: int, value: Array, exact: Array) -> Parting:
        grid = self.network.program.slots[slot][1]
        step = None if grid is None else self.network.ranges[grid].scale
        unit = step if step is not None else float(np.abs(exact).max(initial=0)) or 1.0
        difference = np.abs(value.astype(np.float64) - exact) / unit
        apart = int((difference > (0.5 if step is not None else 1e-5)).sum())
        graph = self.network.graph
        name = graph.tensors[tensor].name or ""
        operator = graph.nodes[node].op.name
        return Parting(node, operator, name, step, value.size, apart, float(difference.max(initial=0)))


def partings(network: Network, data: Stored | Streamed, profile: Profile) -> list[Parting]:
    """Of all samples together, in the order of nodes."""
    exact = Exact(network, profile)
    total: dict[int, Parting] = {}
    for batch in data.batches(1):
        for number, part in enumerate(exact.run(batch.inputs)[1]):
            before = total.get(number, replace(part, elements=0, apart=0))
            total[number] = replace(
                part,
                elements=before.elements + part.elements,
                apart=before.apart + part.apart,
                furthest=max(before.furthest, part.furthest),
            )
    return [total[number] for number in sorted(total)]
