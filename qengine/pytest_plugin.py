"""The pytest plugin: the fixture `tflite_parity`, golden files as tests, and `--tflite-runtime`.

Imports nothing heavy: pytest loads it in every project that has qengine installed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .testing import Parity

CHOICES = ("auto", "ai-edge-litert", "tflite-runtime", "tensorflow", "golden")
"""auto: the first that is installed, else golden files; golden: golden files, whatever is installed."""
SUFFIX = ".golden.npz"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tflite", "parity with a TFLite runtime")
    group.addoption(
        "--tflite-runtime",
        choices=CHOICES,
        default="auto",
        help="Whose answers are right: an installed runtime (auto: the first found, else golden files), or golden "
        "files alone. With a runtime named, the golden files that are collected are held against it as well.",
    )
    group.addoption(
        "--tflite-update",
        action="store_true",
        help="Write the golden files of the tests that use the fixture tflite_parity, from the runtime.",
    )
    parser.addini("tflite_golden", "The folder of golden files, beside the test's own file.", default="golden")


def pytest_report_header(config: pytest.Config) -> str | None:
    chosen = config.getoption("--tflite-runtime")
    return None if chosen == "auto" else f"tflite runtime: {chosen}"


@pytest.fixture
def tflite_parity(request: pytest.FixtureRequest) -> Callable[..., Parity]:
    """`assert_tflite_parity` for this test: `tflite_parity(model, inputs=None, profile="xnnpack", lsb=0, name=None)`.

    Where no runtime is installed (or --tflite-runtime is golden) the answers are those of the test's golden file, named
    after the test or `name`; without one the test is skipped, by name. A runtime that was asked for by name has to be
    there. --tflite-update writes the file.
    """
    from .kernels.profile import Profile
    from .testing import assert_golden, assert_tflite_parity, find_runtime, read_golden, write_golden
    from .testing.check import golden_path
    from .testing.run import blob_of

    config = request.config
    chosen = config.getoption("--tflite-runtime")
    folder = Path(request.path).parent / config.getini("tflite_golden")

    def check(
        model: Any,
        inputs: Any = None,
        profile: str | Profile = Profile.XNNPACK,
        lsb: int = 0,
        *,
        name: str | None = None,
        float_tolerance: float = 1e-4,
    ) -> Parity:
        profile = Profile(profile)
        stem = re.sub(r"[^\w.=+-]+", "_", request.node.name if name is None else name).strip("_")
        path, model_path = golden_path(folder, stem, profile)
        real = None
        if chosen != "golden":
            try:
                real = find_runtime(None if chosen == "auto" else chosen)
            except ModuleNotFoundError:
                if chosen != "auto":
                    raise
        if config.getoption("--tflite-update"):
            if real is None:
                raise pytest.UsageError("expected an installed runtime with --tflite-update, got none")
            write_golden(model, path, inputs, profile, runtime=real, model_path=model_path)
        if real is not None:
            return assert_tflite_parity(model, inputs, profile, lsb, float_tolerance=float_tolerance, runtime=real)
        if not path.is_file():
            pytest.skip(f"no runtime is installed, and no golden file {path.name}: --tflite-update makes one")
        golden = read_golden(path)
        assert blob_of(model) == golden.blob, f"{path.name} was made with another model: --tflite-update makes it anew"
        return assert_golden(golden, lsb, float_tolerance=float_tolerance)

    return check


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Golden files are tests of their own."""
    if not file_path.name.endswith(SUFFIX):
        return None
    collected: GoldenFile = GoldenFile.from_parent(parent, path=file_path)
    return collected


class GoldenFile(pytest.File):
    """A golden file: a test of qengine, and one of the runtime that --tflite-runtime names."""

    def collect(self) -> Iterator[pytest.Item]:
        yield GoldenItem.from_parent(self, name="qengine")
        chosen = self.config.getoption("--tflite-runtime")
        if chosen not in ("auto", "golden"):
            yield GoldenItem.from_parent(self, name=chosen)


class GoldenItem(pytest.Item):
    """Whether qengine, or an installed runtime, gives the answers that the file holds."""

    def runtest(self) -> None:
        from .testing import assert_golden

        assert_golden(self.path, runtime=None if self.name == "qengine" else self.name)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, AssertionError | ValueError | ModuleNotFoundError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.path.name} [{self.name}]"
