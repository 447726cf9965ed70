"""`qengine.testing`: what it asserts, what it says where it fails, golden files, and the pytest plugin."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qengine import testing
from qengine.build import Builder
from qengine.compare.session import compare
from qengine.interpreter import Interpreter
from qengine.kernels.profile import Profile
from qengine.model import Model, TensorType
from qengine.ops.add import Add
from qengine.ops.arg_max import ArgMax
from qengine.ops.conv_2d import Conv2D
from qengine.ops.tanh import Tanh
from qengine.testing import assert_golden, assert_tflite_parity, read_golden, write_golden
from qengine.testing.calls import calls_of
from qengine.testing.parity import agreements
from qengine.testing.run import run_calls
from qengine.tflite import save, to_bytes

pytest_plugins = ["pytester"]


def convolution() -> Model:
    """Its profiles round differently: on the numbers below, `reference` differs from `xnnpack` by a step."""
    rng = np.random.default_rng(0)
    b = Builder("convolution")
    x = b.input("image", (1, 8, 8, 3), np.int8, scale=0.02, zero_point=-3)
    filters = b.weights(rng.normal(size=(16, 3, 3, 3)))
    y = b.add(Conv2D(stride_w=1, stride_h=1), [x, filters, np.zeros(16)], scale=0.03, zero_point=5, name="features")
    return b.model([y])


def two_inputs() -> Model:
    b = Builder("sum")
    x, y = (b.input(name, (2, 3), np.int8, scale=0.1) for name in ("x", "y"))
    return b.model([b.add(Add(), [x, y], scale=0.15, name="sum")])


def other(profile: str) -> testing.RealRuntime:
    """A runtime that is qengine in a profile of its own choice, whatever is asked."""

    def made(model_content: bytes, **_: Any) -> Interpreter:
        return Interpreter(model_content=model_content, profile=profile)

    resolvers = types.SimpleNamespace(AUTO=0, BUILTIN_REF=0, BUILTIN_WITHOUT_DEFAULT_DELEGATES=0)
    return testing.RealRuntime("other", "1", types.SimpleNamespace(OpResolverType=resolvers, Interpreter=made))


@pytest.mark.parametrize("profile", list(Profile))
def test_a_model_has_parity_in_each_profile(profile: Profile, litert: types.ModuleType) -> None:
    found = assert_tflite_parity(convolution(), profile=profile, runtime="ai-edge-litert")
    assert (found.elements, found.mismatches, found.calls) == (3 * 16 * 64, 0, 3)
    assert found.runtime.startswith("ai-edge-litert 2.3.0")


def test_a_step_between_profiles_is_no_parity_and_is_named() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_tflite_parity(convolution(), profile="xnnpack", runtime=other("reference"))
    text = str(caught.value)
    assert "qengine:xnnpack beside other 1 AUTO, 3 calls" in text
    assert "CONV_2D 'features' (INT8): " in text
    assert "of 3072 elements differ, by 1 LSB at most; call 0, element [0, " in text


def test_a_step_may_be_allowed() -> None:
    found = assert_tflite_parity(convolution(), profile="xnnpack", lsb=1, runtime=other("reference"))
    assert 0 < found.mismatches < 100
    assert found.outputs[0].max_lsb == 1


def test_the_first_node_that_differs_is_named(monkeypatch: pytest.MonkeyPatch, litert: types.ModuleType) -> None:
    def wrong(model_content: bytes, profile: Profile) -> Interpreter:
        return Interpreter(model_content=model_content, profile="reference")

    monkeypatch.setattr("qengine.testing.check.Interpreter", wrong)
    monkeypatch.setattr(
        "qengine.testing.check.compare", lambda a, b, items: compare((a[0], "qengine:reference"), b, items)
    )
    with pytest.raises(AssertionError, match=r"it begins at node 0, CONV_2D 'features': explained, .*DoubleRounding"):
        assert_tflite_parity(convolution(), runtime="ai-edge-litert")


def test_integers_that_count_may_never_differ() -> None:
    b = Builder("index")
    model = b.model([b.add(ArgMax(TensorType.INT32), [b.input("x", (4, 5)), 1])])
    counted = np.arange(4, dtype=np.int32)
    (found,) = agreements(model, [[counted]], [[counted + np.int32([0, 0, 1, 0])]])
    assert (found.mismatches, found.max_lsb) == (1, None)
    assert not found.within(lsb=5, floats=1.0)


def test_floats_are_measured_by_their_largest_magnitude() -> None:
    b = Builder("float")
    model = b.model([b.add(Tanh(), [b.input("x", (3,))])])
    real, off = np.float32([2.0, -4.0, np.nan]), np.float32([2.0, -4.0004, np.nan])
    (found,) = agreements(model, [[off]], [[real]])
    assert found.mismatches == 1
    assert found.max_error == pytest.approx(1e-4, rel=0.01)
    assert found.within(lsb=0, floats=1.1e-4)
    assert not found.within(lsb=0, floats=0.9e-4)
    (found,) = agreements(model, [[np.float32([2.0, np.inf, np.nan])]], [[real]])
    assert found.max_error == np.inf


def test_another_shape_is_a_difference_of_everything() -> None:
    model = two_inputs()
    (found,) = agreements(model, [[np.zeros((2, 3), np.int8)]], [[np.zeros((3, 2), np.int8)]])
    assert found.mismatches == 6
    assert not found.within(lsb=255, floats=1.0)
    assert "shape [2, 3] here, [3, 2] there" in str(found)


def test_random_calls_hold_both_ends_of_the_range_and_are_the_same_every_time() -> None:
    calls = calls_of(convolution())
    assert len(calls) == 3
    assert all((call[0].min(), call[0].max()) == (-128, 127) for call in calls)
    assert all(np.array_equal(x[0], y[0]) for x, y in zip(calls, calls_of(convolution()), strict=True))


def test_inputs_are_whole_calls_or_samples() -> None:
    model = two_inputs()
    x, y = np.int8([[1, 2, 3], [4, 5, 6]]), np.int8([[7, 8, 9], [10, 11, 12]])
    for given in ([x, y], (x, y), {"x": x, "y": y}, [[x, y]], [{"x": x, "y": y}], {"x": x * np.float32(0.1), "y": y}):
        (call,) = calls_of(model, given)
        assert [array.dtype for array in call] == [np.int8, np.int8]
        assert [array.tolist() for array in call] == [x.tolist(), y.tolist()]
    assert len(calls_of(model, [[x, y], [y, x]])) == 2
    with pytest.raises(ValueError, match="expected"):
        calls_of(model, x)
    with pytest.raises(ValueError, match="expected at least one call, got none"):
        calls_of(model, [])


def test_a_runtime_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(testing.RUNTIMES, "tensorflow", "no_such_package.interpreter")
    with pytest.raises(ModuleNotFoundError, match="expected the package tensorflow to be installed"):
        assert_tflite_parity(convolution(), runtime="tensorflow")
    with pytest.raises(
        ValueError, match="expected a runtime among ai-edge-litert, tflite-runtime, tensorflow, got 'x'"
    ):
        assert_tflite_parity(convolution(), runtime="x")


def test_a_golden_file_holds_what_it_takes_to_ask_again(tmp_path: Path) -> None:
    path = write_golden(convolution(), tmp_path / "conv.golden.npz", profile="reference", runtime=other("reference"))
    assert (tmp_path / "conv.tflite").read_bytes() == to_bytes(convolution())
    golden = read_golden(path)
    assert (golden.runtime, golden.version, golden.profile) == ("other", "1", Profile.REFERENCE)
    assert [call[0].shape for call in golden.calls] == [(1, 8, 8, 3)] * 3
    assert assert_golden(path).mismatches == 0
    with pytest.raises(AssertionError, match=r"other 1: qengine:reference beside conv\.golden\.npz"):
        assert_golden(path, runtime=other("xnnpack"))


def test_a_golden_file_of_another_model_is_refused(tmp_path: Path) -> None:
    path = write_golden(convolution(), tmp_path / "conv.golden.npz", runtime=other("xnnpack"))
    save(two_inputs(), tmp_path / "conv.tflite")
    with pytest.raises(ValueError, match=r"expected the conv.tflite that conv.golden.npz was made with"):
        read_golden(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="expected a golden file"):
        read_golden(path)


def test_an_answer_that_changed_is_found(tmp_path: Path) -> None:
    path = write_golden(convolution(), tmp_path / "conv.golden.npz", runtime=other("xnnpack"))
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["call1/output0"][0, 2, 3, 4] ^= 1
    np.savez(path, **arrays)
    with pytest.raises(AssertionError, match=r"1 of 3072 elements differ, by 1 LSB at most; call 1, element \[0, 2, 3"):
        assert_golden(path)


def test_variables_carry_over_from_call_to_call() -> None:
    class Counting:
        allocated = 0

        def allocate_tensors(self) -> None:
            self.allocated += 1

        def get_input_details(self) -> list[dict[str, Any]]:
            return [{"index": 0, "shape": np.int32([2])}]

        def resize_tensor_input(self, index: int, shape: tuple[int, ...]) -> None:
            raise AssertionError("the shape is right")

        def set_tensor(self, index: int, array: Any) -> None:
            self.fed = array

        def invoke(self) -> None:
            self.total = self.fed.sum()

        def get_output_details(self) -> list[dict[str, Any]]:
            return [{"index": 1}]

        def get_tensor(self, index: int) -> Any:
            return self.total

    interpreter = Counting()
    assert run_calls(interpreter, [(np.int8([1, 2]),), (np.int8([3, 4]),)]) == ((3,), (7,))
    assert interpreter.allocated == 1


TEST = """
from qengine.build import Builder
from qengine.ops.relu import Relu
import numpy as np

def test_relu(tflite_parity):
    b = Builder("net")
    x = b.input("x", (1, 4), np.int8, scale=0.1)
    found = tflite_parity(b.model([b.add(Relu(), [x], scale=0.05)]))
    assert found.mismatches == 0
"""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """pytest in a process of its own, with this plugin alone: also where qengine is installed and registers it."""
    return pytester.runpytest_subprocess("-p", "qengine.pytest_plugin", "-p", "no:cacheprovider", *arguments)


@pytest.fixture
def alone(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(testing.__file__).resolve().parents[2]))
    pytester.makepyfile(test_net=TEST)
    return pytester


def test_the_plugin_skips_by_name_without_a_golden_file(alone: pytest.Pytester) -> None:
    result = run(alone, "-rs", "--tflite-runtime=golden")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*no golden file test_relu.xnnpack.golden.npz: --tflite-update makes one*"])


def test_the_plugin_makes_golden_files_and_reads_them_back(alone: pytest.Pytester, litert: types.ModuleType) -> None:
    run(alone, "--tflite-runtime=ai-edge-litert", "--tflite-update").assert_outcomes(passed=1)
    assert sorted(path.name for path in (alone.path / "golden").iterdir()) == [
        "test_relu.tflite",
        "test_relu.xnnpack.golden.npz",
    ]
    run(alone, "--tflite-runtime=golden").assert_outcomes(passed=2)  # the test, and the file as a test of its own


def test_the_plugin_says_where_a_golden_file_differs(alone: pytest.Pytester) -> None:
    model = convolution()
    write_golden(model, alone.path / "kept" / "conv.golden.npz", runtime=other("reference"))
    result = run(alone, "kept", "--tflite-runtime=golden")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*beside conv.golden.npz (other 1 on *", "*CONV_2D 'features' (INT8)*LSB at most*"])
