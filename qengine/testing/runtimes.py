"""The real runtimes that may be installed: which package, which version, which kernel set a profile means there."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..kernels.profile import Profile

RUNTIMES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
}
"""By distribution the module that holds its Interpreter and OpResolverType; the one looked for first comes first."""

_DISTRIBUTIONS = {"tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos")}


@dataclass(frozen=True)
class RealRuntime:
    """An installed runtime; it names itself `name version` in messages and golden files."""

    name: str
    version: str
    module: Any

    def interpreter(self, blob: bytes, profile: Profile) -> Any:
        """Its interpreter of a model with the kernel set of `profile`, one thread."""
        resolver = getattr(self.module.OpResolverType, kernel_set(profile))
        return self.module.Interpreter(model_content=blob, experimental_op_resolver_type=resolver, num_threads=1)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def kernel_set(profile: Profile) -> str:
    """The member of a runtime's OpResolverType that chooses the kernels of a profile."""
    return profile.pick(reference="BUILTIN_REF", optimized="BUILTIN_WITHOUT_DEFAULT_DELEGATES", xnnpack="AUTO")


def find_runtime(name: str | None = None) -> RealRuntime:
    """The installed runtime `name`; None: the first of RUNTIMES that is installed.

    ValueError for another name; ModuleNotFoundError where it isn't installed, saying what to install.
    """
    if name is not None and name not in RUNTIMES:
        raise ValueError(f"expected a runtime among {', '.join(RUNTIMES)}, got {name!r}")
    wanted = tuple(RUNTIMES) if name is None else (name,)
    for candidate in wanted:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                module = importlib.import_module(RUNTIMES[candidate])
        except ModuleNotFoundError:
            continue
        return RealRuntime(candidate, _version(candidate), module)
    raise ModuleNotFoundError(f"expected the package {' or '.join(wanted)} to be installed, found none")


def _version(name: str) -> str:
    for distribution in _DISTRIBUTIONS.get(name, (name,)):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return "of unknown version"
