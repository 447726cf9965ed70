"""One script against both interpreters: every dictionary and every kind of error must be the same."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qengine as qe
from qengine.op import CustomOp
from qengine.ops.conv_2d import Conv2D
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.reshape import Reshape
from qengine.options import ActivationFunctionType
from qengine.output import Output
from qengine.tflite import detach

litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")

RESOLVERS = ("AUTO", "BUILTIN", "BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES")


@pytest.fixture(scope="module")
def content() -> bytes:
    """int8: a convolution and a fully connected layer, batch size free, two signatures."""
    rng = np.random.default_rng(0)
    b = qe.Builder("small")
    x = b.input("x", (1, 4, 4, 2), "int8", scale=0.5, zero_point=3, shape_signature=(-1, 4, 4, 2))
    filters = b.constant(
        rng.integers(-127, 128, (3, 3, 3, 2)).astype(np.int8), scale=[0.01, 0.02, 0.03], axis=0, name="filters"
    )
    bias = b.constant(
        rng.integers(-99, 99, 3).astype(np.int32), scale=np.float32(0.5) * np.float32([0.01, 0.02, 0.03]), name="bias"
    )
    conv = Conv2D(stride_w=2, stride_h=2, fused_activation_function=ActivationFunctionType.RELU)
    y = b.add(conv, [x, filters, bias], name="conv", scale=0.25, zero_point=-128)
    matrix = b.constant(
        rng.integers(-127, 128, (5, 12)).astype(np.int8), scale=[0.02, 0.03, 0.01, 0.02, 0.05], axis=0, name="matrix"
    )
    scores = b.add(FullyConnected(), [y, matrix, None], name="scores", scale=0.9, zero_point=-4)
    b.signature("serve", {"image": x}, {"scores": scores, "features": y})
    b.signature("another", {"image": x}, {"scores": scores})
    return qe.to_bytes(b.model([scores, y]))


@pytest.fixture(scope="module", autouse=True)
def no_old_garbage() -> None:
    """What lived before these tests is left out of each `outcome`'s search for garbage."""
    gc.collect()
    gc.freeze()


def outcome(action: Callable[[], Any]) -> Any:
    """What an action gives, or the kind of what it raises."""
    try:
        return action()
    except (ValueError, RuntimeError, TypeError, AttributeError) as error:
        kinds = (ValueError, RuntimeError, TypeError, AttributeError)
        return next(kind for kind in kinds if isinstance(error, kind))
    finally:
        gc.collect()


def assert_same(ours: Any, theirs: Any, where: str) -> None:
    """Equal in type, keys and values; arrays also in type and shape."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), where
        assert list(ours) == list(theirs), where
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{where}[{key!r}]")
    elif isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs), where
        assert len(ours) == len(theirs), where
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    elif isinstance(theirs, np.ndarray):
        assert isinstance(ours, np.ndarray), where
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), where
        np.testing.assert_array_equal(ours, theirs, where)
    else:
        assert type(ours) is type(theirs), where
        assert ours == theirs, where


Script = list[tuple[str, Callable[[Any], Any]]]
X = np.random.default_rng(1).integers(-128, 128, (1, 4, 4, 2)).astype(np.int8)
TWO = np.random.default_rng(2).integers(-128, 128, (2, 4, 4, 2)).astype(np.int8)


def index_of(it: Any, name: str) -> int:
    return next(d["index"] for d in it.get_tensor_details() if d["name"] == name)


def hold_a_view(it: Any, action: Callable[[], Any]) -> Any:
    view = it.tensor(it.get_input_details()[0]["index"])()
    try:
        return action()
    finally:
        del view


def hold_a_slice(it: Any) -> Any:
    part = it.tensor(it.get_input_details()[0]["index"])()[0, 1:]
    try:
        return it.invoke()
    finally:
        del part


def write_through_a_view(it: Any) -> Any:
    it.tensor(it.get_input_details()[0]["index"])()[...] = X
    gc.collect()
    it.invoke()
    return it.get_tensor(it.get_output_details()[0]["index"])


def view_facts(it: Any) -> Any:
    view = it.tensor(it.get_output_details()[0]["index"])()
    return view.flags.owndata, view.flags.writeable, view.copy()


BEFORE: Script = [
    ("input details before", lambda it: it.get_input_details()),
    ("output details before", lambda it: it.get_output_details()),
    ("subgraphs", lambda it: it.num_subgraphs()),
    ("signatures", lambda it: it.get_signature_list()),
    ("full signatures", lambda it: it._get_full_signature_list()),
    ("compressed zero points", lambda it: it.experimental_compress_quantization_zero_points),
    ("invoke too early", lambda it: it.invoke()),
    ("set too early", lambda it: it.set_tensor(0, X)),
    ("get too early", lambda it: it.get_tensor(it.get_output_details()[0]["index"])),
    ("view too early", lambda it: it.tensor(0)()),
    ("constant before", lambda it: it.get_tensor(index_of(it, "matrix"))),
    ("details of a subgraph that isn't", lambda it: it.get_tensor_details(5)),
    ("details of a tensor", lambda it: it._get_tensor_details(1, 0)),
]
RUN: Script = [
    ("allocate", lambda it: it.allocate_tensors()),
    ("set", lambda it: it.set_tensor(0, X)),
    ("invoke", lambda it: it.invoke()),
    ("scores", lambda it: it.get_tensor(it.get_output_details()[0]["index"])),
    ("features", lambda it: it.get_tensor(it.get_output_details()[1]["index"])),
    ("set what isn't contiguous", lambda it: it.set_tensor(0, np.asfortranarray(X[:, ::-1]))),
    ("invoke again", lambda it: it.invoke()),
    ("scores again", lambda it: it.get_tensor(it.get_output_details()[0]["index"])),
    ("the input is still there", lambda it: it.get_tensor(0)),
    ("tensor details", lambda it: [d for d in it.get_tensor_details() if d["name"]]),
    ("operator details", lambda it: [d for d in it._get_ops_details() if d["op_name"] != "DELEGATE"]),
    ("constant", lambda it: it.get_tensor(index_of(it, "matrix"))),
    ("reset", lambda it: it.reset_all_variables()),
]
MISTAKES: Script = [
    ("wrong type", lambda it: it.set_tensor(0, X.astype(np.float32))),
    ("wrong size", lambda it: it.set_tensor(0, np.zeros((1, 5, 4, 2), np.int8))),
    ("wrong rank", lambda it: it.set_tensor(0, np.zeros(32, np.int8))),
    ("a list", lambda it: it.set_tensor(0, X.tolist())),
    ("a string", lambda it: it.set_tensor(0, "image")),
    ("nothing", lambda it: it.set_tensor(0, None)),
    ("index too high", lambda it: it.set_tensor(99, X)),
    ("index below 0", lambda it: it.set_tensor(-1, X)),
    ("get an index too high", lambda it: it.get_tensor(99)),
    ("get an index below 0", lambda it: it.get_tensor(-1)),
    ("get of a subgraph that isn't", lambda it: it.get_tensor(0, 5)),
    ("resize an index too high", lambda it: it.resize_tensor_input(99, [1])),
    ("resize below 0", lambda it: it.resize_tensor_input(0, [-1, 4, 4, 2])),
    ("resize strictly what is fixed", lambda it: it.resize_tensor_input(0, [1, 5, 4, 2], strict=True)),
    ("no such signature", lambda it: it.get_signature_runner("zzz")),
    ("which signature", lambda it: it.get_signature_runner()),
]
VIEWS: Script = [
    # A resize that fails leaves the runtime unprepared; here nothing has changed.
    ("allocate after mistakes", lambda it: it.allocate_tensors()),
    ("view facts", view_facts),
    ("write through a view", write_through_a_view),
    ("invoke with a view", lambda it: hold_a_view(it, it.invoke)),
    ("allocate with a view", lambda it: hold_a_view(it, it.allocate_tensors)),
    ("resize with a view", lambda it: hold_a_view(it, lambda: it.resize_tensor_input(0, [2, 4, 4, 2]))),
    ("invoke with a slice", hold_a_slice),
    ("invoke after", lambda it: it.invoke()),
]
RESIZE: Script = [
    ("resize", lambda it: it.resize_tensor_input(0, [2, 4, 4, 2], strict=True)),
    ("input shape", lambda it: it.get_input_details()),
    ("output shape, not yet", lambda it: it.get_output_details()),
    ("invoke before allocate", lambda it: it.invoke()),
    ("allocate", lambda it: it.allocate_tensors()),
    ("output shape", lambda it: it.get_output_details()),
    ("set", lambda it: it.set_tensor(0, TWO)),
    ("invoke", lambda it: it.invoke()),
    ("scores", lambda it: it.get_tensor(it.get_output_details()[0]["index"])),
    ("resize to another rank", lambda it: it.resize_tensor_input(0, np.array([2.7, 4]))),
    ("its shape", lambda it: it.get_input_details()[0]["shape"]),
    ("allocate that", lambda it: it.allocate_tensors()),
    ("resize back", lambda it: it.resize_tensor_input(0, (1, 4, 4, 2))),
    ("allocate again", lambda it: it.allocate_tensors()),
]
SIGNATURES: Script = [
    ("inputs", lambda it: it.get_signature_runner("serve").get_input_details()),
    ("outputs", lambda it: it.get_signature_runner("serve").get_output_details()),
    ("call", lambda it: it.get_signature_runner("serve")(image=X)),
    ("call with another batch", lambda it: it.get_signature_runner("another")(image=TWO)),
    ("too few", lambda it: it.get_signature_runner("serve")()),
    ("a wrong name", lambda it: it.get_signature_runner("serve")(zz=X)),
    ("a list", lambda it: it.get_signature_runner("serve")(image=X.tolist())),
    ("a wrong type", lambda it: it.get_signature_runner("serve")(image=X.astype(np.float32))),
]


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_one_script_gives_the_same_in_both(content: bytes, resolver: str) -> None:
    ours = qe.Interpreter(model_content=content, experimental_op_resolver_type=qe.OpResolverType[resolver])
    theirs = litert.Interpreter(
        model_content=content, experimental_op_resolver_type=litert.OpResolverType[resolver], num_threads=1
    )
    for name, action in BEFORE + RUN + MISTAKES + VIEWS + RESIZE + SIGNATURES:
        assert_same(outcome(lambda: action(ours)), outcome(lambda: action(theirs)), f"{resolver}: {name}")  # noqa: B023


def test_the_runtime_s_own_enumeration_is_accepted(content: bytes) -> None:
    for member in litert.OpResolverType:
        it = qe.Interpreter(model_content=content, experimental_op_resolver_type=member)
        assert it._profile.value == {"BUILTIN_REF": "reference", "BUILTIN_WITHOUT_DEFAULT_DELEGATES": "optimized"}.get(
            member.name, "xnnpack"
        )


CONSTRUCTIONS: list[tuple[str, dict[str, Any]]] = [
    ("nothing", {}),
    ("both", {"model_path": "x.tflite", "model_content": b"x"}),
    ("a file that isn't there", {"model_path": "/nowhere/x.tflite"}),
    ("garbage", {"model_content": b"not a model at all, not a bit of it"}),
    ("empty content", {"model_content": b""}),
    ("a bytearray", {"model_content": bytearray(b"abc")}),
    ("threads as a string", {"num_threads": "2"}),
    ("no threads", {"num_threads": 0}),
    ("a resolver that isn't", {"experimental_op_resolver_type": 7}),
]


@pytest.mark.parametrize(("name", "arguments"), CONSTRUCTIONS, ids=[name for name, _ in CONSTRUCTIONS])
def test_the_constructor_refuses_the_same(content: bytes, name: str, arguments: dict[str, Any]) -> None:
    model = {} if {"model_path", "model_content"} & set(arguments) or name == "nothing" else {"model_content": content}
    ours = outcome(lambda: qe.Interpreter(**model, **arguments))
    theirs = outcome(lambda: litert.Interpreter(**model, **arguments))
    assert ours is theirs


def test_paths_may_be_path_objects(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(content)
    assert qe.Interpreter(model_path=path).num_subgraphs() == litert.Interpreter(model_path=path).num_subgraphs()


def test_a_delegate_is_refused_not_ignored(content: bytes) -> None:
    with pytest.raises(ValueError, match="delegates"):
        qe.Interpreter(model_content=content, experimental_delegates=[object()])


@pytest.mark.parametrize("profile", ["xnnpack", "optimized", "reference"])
def test_intermediate_tensors_are_there_only_when_all_are_preserved(profile: str) -> None:
    b = qe.Builder()
    x = b.input("x", (1, 4), "int8", scale=0.1)
    matrix = b.constant(np.arange(16, dtype=np.int8).reshape(4, 4), scale=0.1)
    middle = b.add(FullyConnected(), [x, matrix, None], scale=0.5, name="middle")
    model = b.model([b.add(FullyConnected(), [middle, matrix, None], scale=2.0)])
    q = np.array([[1, -2, 3, 40]], np.int8)

    plain = qe.Interpreter(model=model, profile=profile)
    plain.allocate_tensors()
    plain.set_tensor(0, q)
    plain.invoke()
    with pytest.raises(ValueError, match="preserve_all_tensors"):
        plain.get_tensor(middle.index)

    kept = qe.Interpreter(model=model, profile=profile, experimental_preserve_all_tensors=True)
    kept.allocate_tensors()
    kept.set_tensor(0, q)
    kept.invoke()
    alone = qe.Interpreter(model=b.model([middle]), profile=profile)
    alone.allocate_tensors()
    alone.set_tensor(0, q)
    alone.invoke()
    np.testing.assert_array_equal(kept.get_tensor(middle.index), alone.get_tensor(middle.index))


def test_a_constant_that_is_set_counts_from_then_on() -> None:
    b = qe.Builder()
    x = b.input("x", (1, 2))
    matrix = b.constant(np.eye(2, dtype=np.float32), name="matrix")
    it = qe.Interpreter(model=b.model([b.add(FullyConnected(), [x, matrix, None])]))
    it.allocate_tensors()
    it.set_tensor(0, np.float32([[1, 2]]))
    it.set_tensor(matrix.index, np.float32([[0, 1], [1, 0]]))
    it.invoke()
    np.testing.assert_array_equal(it.get_tensor(it.get_output_details()[0]["index"]), [[2, 1]])


def test_constants_kept_in_another_file_are_read_from_beside_the_model(content: bytes, tmp_path: Path) -> None:
    model = qe.load(content)
    qe.save(detach(model, tmp_path, "small.weights"), tmp_path / "small.tflite")
    assert (tmp_path / "small.tflite").stat().st_size < len(content)
    results = []
    for it in (qe.Interpreter(model_path=tmp_path / "small.tflite"), qe.Interpreter(model_content=content)):
        it.allocate_tensors()
        it.set_tensor(0, X)
        it.invoke()
        results.append(it.get_tensor(it.get_output_details()[0]["index"]))
    np.testing.assert_array_equal(*results)
    (tmp_path / "small.weights").unlink()
    with pytest.raises(ValueError, match=r"small\.weights"):
        qe.Interpreter(model_path=tmp_path / "small.tflite")


def test_tensors_beyond_the_limit_are_refused_when_memory_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    b = qe.Builder()
    x = b.input("x", (1 << 15, 1 << 15))
    blob = qe.to_bytes(b.model([b.add(Reshape((1 << 30,)), [x, np.array([1 << 30], np.int32)])]))
    it = qe.Interpreter(model_content=blob)
    with pytest.raises(RuntimeError, match="QENGINE_MEMORY"):
        it.allocate_tensors()
    monkeypatch.setenv("QENGINE_MEMORY", "1000")
    it.resize_tensor_input(0, [4, 4])
    with pytest.raises(RuntimeError):
        it.allocate_tensors()


def test_an_operator_that_isn_t_there_is_named_when_memory_is_planned() -> None:
    custom = CustomOp("NobodyKnows")
    b = qe.Builder()
    x = b.input("x", (1, 4))
    y = b.add(custom, [x], outputs=[Output("y", (1, 4))])
    it = qe.Interpreter(model=b.model([y] if not isinstance(y, tuple) else list(y)))
    assert it.get_input_details()[0]["name"] == "x"
    with pytest.raises(qe.Unsupported, match=r"NobodyKnows.*FLOAT32.*operators\[0\]"):
        it.allocate_tensors()
