"""Which versions of its operators a model may name: those that the runtime's kernel set has."""

from __future__ import annotations

from .errors import ModelError
from .kernels.profile import Profile
from .model import Model
from .op import CustomOp, UnknownOp


def check_versions(model: Model, profile: Profile) -> None:
    """ModelError where a node's version isn't in the kernel set. Operators that nobody here knows are passed over."""
    for at, graph in enumerate(model.graphs):
        for number, node in enumerate(graph.nodes):
            op, version = node.op, node.version
            if version is None or isinstance(op, CustomOp | UnknownOp):
                continue
            known = op.known_versions.within(profile)
            if version not in known:
                what = f"{op.name} of version {known.start} to {known.stop - 1}" if known else f"no {op.name}"
                raise ModelError(
                    f"expected {what}, as the kernel set `{profile.value}` has, got version {version}",
                    f"$.subgraphs[{at}].operators[{number}]",
                )
