"""One node's kernel by itself: what a profile makes of arrays that someone else's run left."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Model
from ..op import Array
from ..program import Prepared, Program
from .recording import Feed, Recording
from .runners import prepared


class Unchecked(Exception):
    """A node whose kernel can't be asked: none is there, or its inputs weren't recorded."""


class Kernels:
    """The reference kernels of a model's nodes, in any profile."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._programs: dict[Any, Program] = {}

    def program(self, profile: Profile, feed: Feed) -> Program:
        """ModelError where the model can't be prepared."""
        return prepared(self._programs, self.model, profile, feed, native=False)

    def outputs(self, node: int, profile: Profile, feed: Feed, recording: Recording) -> tuple[Array, ...]:
        """What a node makes of its recorded inputs; variables are at their start. Unchecked where that can't be."""
        try:
            arguments = self.arguments(node, profile, feed, recording)
            return self.program(profile, feed).evaluate(node, arguments)
        except (ModelError, RuntimeError) as error:
            raise Unchecked(str(error)) from error

    def arguments(self, node: int, profile: Profile, feed: Feed, recording: Recording) -> list[Array | None]:
        """A node's recorded inputs, its constants, and its variables at their start. Unchecked where one is missing."""
        program = self.program(profile, feed)
        return [self._argument(program, i, recording) for i in program.graph.nodes[node].inputs]

    def magnitude(self, node: int, profile: Profile, feed: Feed, recording: Recording) -> float:
        """How large the terms of a node's float sums are together: the largest of what it makes of magnitudes."""
        arguments = self.arguments(node, profile, feed, recording)
        sizes = [np.abs(x) if x is not None and x.dtype.kind == "f" else x for x in arguments]
        found = self.program(profile, feed).evaluate(node, sizes)
        return max(float(np.abs(out[np.isfinite(out)]).max(initial=0)) for out in found if out.dtype.kind == "f")

    def rule(self, node: int, profile: Profile, feed: Feed) -> str:
        """What runs there, and its rounding, for people."""
        step: Prepared = self.program(profile, feed).steps[node]
        if step.step is None:
            return profile.value
        return f"{step.step.kernel}: {step.step.why}" if step.step.why else step.step.kernel

    @staticmethod
    def _argument(program: Program, index: int, recording: Recording) -> Array | None:
        if index < 0:
            return None
        if index in recording:
            held = np.asarray(recording[index]).view()
            held.flags.writeable = False  # a kernel that keeps its state in an input leaves it alone
            return held
        if program.specs[index].is_variable:
            program.reset_variables()
        value = program.values[index]
        if value is None:
            raise Unchecked(f"{program.specs[index].name!r} wasn't recorded")
        return np.array(value) if program.specs[index].is_variable else value
