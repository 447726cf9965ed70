"""The versions that each operator says the runtime's kernel sets have are those that they have."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

import qengine
from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.model import Graph, Model, Node, Tensor, TensorType
from qengine.ops import find
from qengine.tflite import to_bytes
from qengine.versions import check_versions

OURS_ALONE = {"STABLEHLO_WHILE"}
"""The runtime has no kernel for it in any version."""

NAMES = sorted(path.stem.upper() for path in (Path(qengine.__file__).parent / "ops").glob("[a-z]*.py"))
SETS = {Profile.OPTIMIZED: "BUILTIN_WITHOUT_DEFAULT_DELEGATES", Profile.REFERENCE: "BUILTIN_REF"}


def model_of(name: str, version: int) -> Model:
    operator = find(name)
    assert operator is not None
    tensors = tuple(Tensor(letter, (1,), TensorType.FLOAT32) for letter in "xy")
    return Model((Graph(tensors, (Node(operator(), (0,), (1,), None, version),), (0,), (1,), "main"),))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OURS_ALONE])
@pytest.mark.parametrize("profile", SETS, ids=lambda profile: profile.value)
def test_known_versions_are_the_kernel_set_s(name: str, profile: Profile, litert: types.ModuleType) -> None:
    operator = find(name)
    assert operator is not None
    resolver = getattr(litert.OpResolverType, SETS[profile])
    for version in range(1, operator.known_versions.last + 2):
        model = model_of(name, version)
        try:
            litert.Interpreter(model_content=to_bytes(model), experimental_op_resolver_type=resolver)
            there = True
        except ValueError as error:
            there = "Didn't find op" not in str(error)
        assert there == (version in operator.known_versions.within(profile)), version


def test_a_version_that_the_kernel_set_lacks_is_refused_by_the_constructor() -> None:
    model = model_of("ABS", 5)
    check_versions(model, Profile.OPTIMIZED)
    with pytest.raises(
        ModelError, match=r"ABS of version 1 to 3, .*`reference`.*, got version 5 - at `\$\.subgraphs\[0\]"
    ):
        qengine.Interpreter(model=model, profile="reference")


def test_an_operator_that_the_kernel_set_lacks_is_refused_by_the_constructor() -> None:
    with pytest.raises(ModelError, match="no ELU"):
        qengine.Interpreter(model=model_of("ELU", 1), profile="reference")
