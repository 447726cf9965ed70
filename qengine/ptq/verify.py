"""The last look at a quantized model, before anyone gets it: every node must prepare in every kernel set."""

from __future__ import annotations

from ..errors import ModelError, Unsupported
from ..kernels.profile import Profile
from ..model import Model
from ..program import Program, Runtime


def verify(model: Model) -> None:
    """ModelError where a node of the model would be refused, naming it and what to do.

    Kernel sets that lack an operator altogether (Unsupported) are passed over: they don't run the float model either.
    """
    for profile in Profile:
        for number, graph in enumerate(model.graphs):
            runtime = Runtime(model, profile, native=False)
            try:
                Program(runtime, number).prepare([graph.tensors[i].shape or () for i in graph.inputs])
            except Unsupported:
                continue
            except ModelError as error:
                raise ModelError(
                    f"the quantized model would be refused in the profile {profile.value}: {error.message} "
                    "(keep this node in float)",
                    error.where,
                ) from error
