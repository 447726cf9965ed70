"""The builder: what follows from operators and arrays, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qengine.build import Builder, Output
from qengine.errors import ModelError, Unsupported
from qengine.model import Quantization, TensorType
from qengine.op import (
    DYNAMIC,
    CustomOp,
    Dynamic,
    Fixed,
    Free,
    Graphs,
    LikeInput,
    LikeOutput,
    Op,
    Rule,
    Specs,
    Unquantized,
    Weights,
)
from qengine.packing import pack, type_of

INT8, INT32, FLOAT32 = TensorType.INT8, TensorType.INT32, TensorType.FLOAT32


@dataclass(frozen=True, eq=False)
class Same(Op):
    """An operator of these tests alone: its output is like its first input."""

    code: ClassVar[int] = 1000

    def infer(self, specs: Specs, context: Graphs) -> Sequence[tuple[int, ...]] | Dynamic:
        shape = specs.input(0).shape
        assert shape is not None
        if len(shape) == 5:
            raise ModelError("expected at most 4 dimensions, got 5", "inputs[0]")
        return [shape]

    def version(self, specs: Specs) -> int:
        return 2 if specs.output().type is INT8 else 1


@dataclass(frozen=True, eq=False)
class Halves(Op):
    code: ClassVar[int] = 1001
    rule: ClassVar[Rule] = LikeInput((1,))

    def infer(self, specs: Specs, context: Graphs) -> Sequence[tuple[int, ...]] | Dynamic:
        (length,) = specs.input(1).shape or ()
        return [(length // 2,)] * 2


@dataclass(frozen=True, eq=False)
class Probability(Same):
    rule: ClassVar[Rule] = Fixed({INT8: (1 / 256, -128)})


@dataclass(frozen=True, eq=False)
class Join(Same):
    rule: ClassVar[Rule] = LikeOutput()


@dataclass(frozen=True, eq=False)
class Follow(Same):
    rule: ClassVar[Rule] = LikeInput()


@dataclass(frozen=True, eq=False)
class Largest(Same):
    rule: ClassVar[Rule] = Unquantized()

    output_type: TensorType = INT32


@dataclass(frozen=True, eq=False)
class Compare(Same):
    rule: ClassVar[Rule] = Unquantized()


@dataclass(frozen=True, eq=False)
class Dense(Same):
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=0, bias=2),)


@dataclass(frozen=True, eq=False)
class Count(Op):
    code: ClassVar[int] = 1002

    def infer(self, specs: Specs, context: Graphs) -> Sequence[tuple[int, ...]] | Dynamic:
        return DYNAMIC


@dataclass(frozen=True, eq=False)
class Call(Op):
    code: ClassVar[int] = 1003

    graph: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[tuple[int, ...]] | Dynamic:
        outputs, _ = context.prepare(self.graph, [spec for spec in specs.inputs if spec is not None])
        shapes = [spec.shape for spec in outputs]
        return [shape for shape in shapes if shape is not None]


def scales(quantization: Quantization | None) -> list[float]:
    assert quantization is not None
    assert quantization.scale is not None
    return [float(scale) for scale in quantization.scale]


def test_a_network_is_tensors_and_nodes_in_order() -> None:
    b = Builder("net", description="two layers")
    x = b.input("x", (1, 4))
    y = b.add(Same(), [x])
    z = b.add(Same(), [y], name="z")
    model = b.model([z])
    (graph,) = model.graphs
    assert (graph.name, model.description) == ("net", "two layers")
    assert [tensor.name for tensor in graph.tensors] == ["x", "test_build", "z"]  # the module's name
    assert [(node.inputs, node.outputs, node.version) for node in graph.nodes] == [((0,), (1,), 1), ((1,), (2,), 1)]
    assert (graph.inputs, graph.outputs) == ((0,), (2,))
    assert graph.tensors[2].shape == (1, 4)
    assert model.signatures is not None
    assert [(s.key, s.inputs, s.outputs) for s in model.signatures] == [("serving_default", (("x", 0),), (("z", 2),))]


def test_the_same_steps_give_equal_models() -> None:
    def made(weight: float) -> Any:
        b = Builder()
        return b.model([b.add(Same(), [b.input("x", (2,)), [weight]])])

    assert made(1.0) == made(1.0)
    assert made(1.0) != made(2.0)


def test_arrays_lists_and_numbers_become_constants() -> None:
    b = Builder()
    x = b.input("x", (1, 4))
    b.add(Same(), [x, [1, 2], 1.5, True, np.float64([3]), None, "text"])
    b.returns([])
    (node,) = b.model().graphs[0].nodes
    assert node.inputs[5] == -1
    tensors = [b.tensors[i] for i in node.inputs if i > 0]
    assert [t.type.name for t in tensors] == ["INT32", "FLOAT32", "BOOL", "FLOAT64", "STRING"]
    assert [t.array.tolist() for t in tensors] == [[1, 2], 1.5, True, [3.0], b"text"]
    assert [t.name for t in tensors] == ["constant", "constant_1", "constant_2", "constant_3", "constant_4"]


def test_types_can_be_numpy_s_or_names() -> None:
    assert [type_of(t) for t in (np.int8, "int4", "float32", np.dtype(">i8"), INT8, str)] == [
        TensorType.INT8,
        TensorType.INT4,
        TensorType.FLOAT32,
        TensorType.INT64,
        TensorType.INT8,
        TensorType.STRING,
    ]
    with pytest.raises(TypeError, match="expected a type that a tensor can have, got datetime64"):
        type_of("datetime64[s]")


@pytest.mark.parametrize(
    ("type_", "values", "expected"),
    [
        (TensorType.INT4, [-8, 7, 1], "7801"),
        (TensorType.UINT4, [15, 1], "1f"),
        (TensorType.INT2, [-2, 1, 0, -1, 1], "c601"),
        (TensorType.INT16, [-2], "feff"),
        (TensorType.FLOAT16, [1.0], "003c"),
        (TensorType.BOOL, [True, False], "0100"),
    ],
)
def test_constants_are_packed_low_bits_first(type_: TensorType, values: list[Any], expected: str) -> None:
    assert pack(np.array(values), type_).hex() == expected


@given(st.data())
def test_a_constant_holds_what_was_given(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from([t for t in TensorType if t.bits or t is TensorType.STRING]))
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=5))
    if type_ is TensorType.STRING:
        values = data.draw(hnp.arrays(object, shape, elements=st.binary(max_size=5)))
    else:
        bounds = {4: {TensorType.INT4: (-8, 7), TensorType.UINT4: (0, 15)}, 2: {TensorType.INT2: (-2, 1)}}
        elements = st.integers(*bounds[type_.bits][type_]) if type_.bits < 8 else None
        values = data.draw(hnp.arrays(type_.dtype, shape, elements=elements))
    kept = Builder().constant(values, type=type_).tensor.array
    assert kept.dtype == type_.dtype
    np.testing.assert_array_equal(kept, values)


@pytest.mark.parametrize(
    ("values", "type_", "message"),
    [
        ([8], "int4", "expected values in [-8, 7] for INT4, got [8, 8]"),
        ([128], "int8", "expected values in [-128, 127] for INT8"),
        ([0.5], "int8", "expected values for INT8, got float32"),
        ([7e4], "float16", "expected values that FLOAT16 holds"),
        ([1], "bool", "expected values for BOOL, got int32"),
        ([2**40], None, "expected values in [-2147483648, 2147483647] for INT32"),
    ],
)
def test_constants_that_do_not_fit_are_refused(values: Any, type_: str | None, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Builder().constant(values, type=type_)
    assert message in str(caught.value)


def test_versions_follow_the_operator_s_own_rule() -> None:
    b = Builder()
    x = b.input("x", (1, 4), INT8, scale=0.5, zero_point=3)
    b.returns([b.add(Same(), [x], scale=0.25), b.add(Same(), [x], scale=0.25, version=7)])
    assert [node.version for node in b.model().graphs[0].nodes] == [2, 7]


def test_a_free_output_needs_its_scale() -> None:
    b = Builder()
    x = b.input("x", (1, 4), INT8, scale=0.5, zero_point=3)
    assert Same.rule == Free()
    with pytest.raises(ValueError, match="expected `scale` for the INT8 output of "):
        b.add(Same(), [x])
    y = b.add(Same(), [x], scale=0.25, zero_point=-1)
    assert y.quantization == Quantization.of(0.25, -1)


def test_quantization_follows_the_rule() -> None:
    b = Builder()
    x = b.input("x", (1, 4), INT8, scale=0.5, zero_point=3)
    other = b.input("other", (1, 4), INT8, scale=0.25, zero_point=3)
    assert b.add(Follow(), [x, other]).quantization == x.quantization
    assert b.add(Probability(), [x]).quantization == Quantization.of(1 / 256, -128)
    assert b.add(Join(), [x, x]).quantization == x.quantization
    with pytest.raises(ValueError, match="expected `scale` for the INT8 output"):
        b.add(Join(), [x, other])
    indices = b.add(Largest(), [x])
    assert (indices.type, indices.quantization) == (INT32, None)


def test_integers_that_count_and_reals_have_no_scale() -> None:
    b = Builder()
    x = b.input("x", (1, 4), INT8)
    assert b.add(Same(), [x]).quantization is None
    assert b.add(Same(), [b.input("real", (1,))]).quantization is None


def test_a_type_that_nothing_tells_must_be_given() -> None:
    b = Builder()
    x = b.input("x", (1, 4))
    with pytest.raises(ValueError, match="expected `type` for the output of"):
        b.add(Compare(), [x])
    assert b.add(Compare(), [x], type=bool).type is TensorType.BOOL


def test_a_bias_of_integers_counts_in_input_times_weights() -> None:
    b = Builder()
    x = b.input("x", (1, 4), INT8, scale=0.5)
    w = b.constant(np.ones((2, 4), np.int8), scale=[0.25, 0.125], axis=0)
    y = b.add(Dense(), [x, w, [1, 2]], scale=1.0)
    node = b.model([y]).graphs[0].nodes[0]
    bias = b.tensors[node.inputs[2]]
    assert bias.type is INT32
    assert bias.quantization == Quantization.of([0.125, 0.0625])
    z = b.add(Dense(), [x, w, None], scale=1.0)
    assert b.model([z]).graphs[0].nodes[1].inputs[2] == -1


def test_a_real_bias_is_rounded_to_input_times_weights() -> None:
    b = Builder()
    w = b.constant(np.ones((2, 4), np.int8), scale=[0.25, 0.125], axis=0)
    for type_, wide in ((INT8, INT32), (TensorType.INT16, TensorType.INT64)):
        x = b.input(type_.name, (1, 4), type_, scale=0.5)
        y = b.add(Dense(), [x, w, [0.3125, -0.71875]], scale=1.0)
        bias = b.tensors[b.model([y]).graphs[0].nodes[-1].inputs[2]]
        assert bias.type is wide
        assert bias.array.tolist() == [3, -12]  # 2.5 and -11.5: ties away from zero
        assert bias.quantization == Quantization.of([0.125, 0.0625])


def test_real_weights_are_symmetric_and_leave_the_smallest_number_out() -> None:
    real = np.float32([[1.27, -0.635], [-2.54, 0.02]])
    w = Builder().weights(real)
    assert w.tensor.array.tolist() == [[127, -64], [-127, 1]]
    assert w.quantization == Quantization.of([0.01, 0.02])
    whole = Builder().weights(real, axis=None)
    assert whole.tensor.array.tolist() == [[64, -32], [-127, 1]]
    assert scales(whole.quantization) == [np.float32(0.02)]
    four = Builder().weights(real, axis=-1, type="int4")
    assert four.type is TensorType.INT4
    assert four.tensor.array.tolist() == [[4, -7], [-7, 0]]
    assert four.quantization is not None
    assert four.quantization.axis == 1


def test_unsigned_weights_reach_from_the_least_to_the_greatest() -> None:
    w = Builder().weights(np.float32([-1.0, 0.0, 1.55]), axis=None, type="uint8")
    assert w.tensor.array.tolist() == [0, 100, 255]
    assert w.quantization == Quantization.of(0.01, 100)


@dataclass(frozen=True, eq=False)
class Options(Same):
    real: float = 0.0
    whole: int = 0
    flag: bool = False
    type: TensorType = INT32
    many: tuple[int, ...] | None = None


def test_options_are_what_a_file_holds() -> None:
    b = Builder()
    x = b.input("x", (1,))
    numbers: Any = np.arange(3)
    b.add(Options(0.1, whole=np.int64(3), flag=np.True_, type=9, many=numbers), [x])  # type: ignore[arg-type]
    b.returns([])
    assert b.model().graphs[0].nodes[0].op == Options(float(np.float32(0.1)), 3, True, INT8, (0, 1, 2))
    with pytest.raises(TypeError):
        b.add(Options(whole=1.5), [x])  # type: ignore[arg-type]


def test_several_outputs_follow_the_input_that_the_rule_names() -> None:
    b = Builder()
    x = b.input("x", (6,), INT8, scale=0.5)
    low, high = b.add(Halves(), [0, x], outputs=2)
    assert [low.shape, high.shape, high.quantization] == [(3,), (3,), x.quantization]
    named = b.add(Halves(), [0, x], outputs=[Output("a"), Output("b", scale=1.0)])
    assert [(part.name, scales(part.quantization)) for part in named] == [("a", [0.5]), ("b", [1.0])]
    with pytest.raises(ValueError, match="TEST_BUILD has 2 outputs, got `outputs` for 1"):
        b.add(Halves(), [0, x])


def test_a_shape_known_only_while_running_stays_open() -> None:
    b = Builder()
    y = b.add(Same(), [b.add(Count(), [b.input("x", (6,))])])
    assert y.tensor.shape is None
    with pytest.raises(ValueError, match="expected a tensor whose shape is known"):
        _ = y.shape


def test_an_operator_that_infers_nothing_needs_a_shape() -> None:
    b = Builder()
    x = b.input("x", (6,))
    with pytest.raises(Unsupported, match=r"MINE: .*; with `shape` it can be added"):
        b.add(CustomOp("MINE"), [x])
    assert b.add(CustomOp("MINE"), [x], shape=(2, 3)).shape == (2, 3)


def test_what_does_not_fit_says_where_and_leaves_nothing_behind() -> None:
    b = Builder()
    b.add(Same(), [b.input("x", (1,))])
    x = b.input("five", (1, 1, 1, 1, 1))
    before = list(b.tensors)
    with pytest.raises(ModelError) as caught:
        b.add(Same(), [x, [1, 2, 3]])
    assert str(caught.value) == "expected at most 4 dimensions, got 5 - at `$.subgraphs[0].operators[1].inputs[0]`"
    assert b.tensors == before
    assert b.constant([1]).name == "constant"


def test_another_graph_is_called_by_its_number() -> None:
    b = Builder()
    inner = b.graph("inner")
    inner.returns([inner.add(Same(), [inner.input("y", (7,))])])
    x = b.input("x", (1,))
    with pytest.raises(ValueError, match=r"expected a tensor of graph 'inner', got .* of 'main'"):
        inner.add(Same(), [x])
    y = b.add(Call(inner.index), [x])
    assert y.shape == (7,)
    with pytest.raises(ModelError, match=r"expected a graph below 2, got 5 - at `\$\.subgraphs\[0\]\.operators\[1\]`"):
        b.add(Call(5), [x])
    model = b.model([y])
    assert [graph.name for graph in model.graphs] == ["main", "inner"]


def test_a_graph_must_say_what_it_returns() -> None:
    b = Builder()
    b.graph("inner")
    with pytest.raises(ValueError, match="expected `returns` to be called for graph 'inner'"):
        b.model([b.input("x", (1,))])


def test_signatures_and_metadata_are_kept() -> None:
    b = Builder()
    x = b.input("x", (1,))
    inner = b.graph("inner")
    z = inner.input("z", (1,))
    inner.returns([z])
    b.signature("run", {"image": x}, {"scores": x})
    inner.signature("other", {"z": z}, {"z": z})
    b.metadata("notes", b"\0\1")
    model = b.model([x])
    assert model.signatures is not None
    assert [(s.key, s.inputs, s.outputs, s.graph) for s in model.signatures] == [
        ("run", (("image", 0),), (("scores", 0),), 0),
        ("other", (("z", 0),), (("z", 0),), 1),
    ]
    assert model.metadata is not None
    assert [(m.name, m.data and bytes(m.data.data)) for m in model.metadata] == [("notes", b"\0\1")]


def test_state_and_intermediates_have_their_place() -> None:
    b = Builder()
    x = b.input("x", (1, 2), INT8, scale=0.5)
    state = b.variable("state", (1, 3), np.int16, scale=2**-12)
    middle = b.tensor("middle", (1,), INT8, scale=0.1)
    b.model([b.add(Same(), [x, state], scale=1.0, intermediates=[None, middle])])
    assert b.tensors[1].is_variable
    assert b.model().graphs[0].nodes[0].intermediates == (-1, 2)


@pytest.mark.parametrize(
    ("quantized", "message"),
    [
        ({"scale": 0.0}, "expected finite scales above 0, got [0.0]"),
        ({"scale": float("nan")}, "expected finite scales above 0"),
        ({"scale": 1.0, "zero_point": 128}, "expected zero points in [-128, 127] for INT8, got [128]"),
        ({"scale": [1.0, 2.0]}, "expected one scale for every index of axis 0 of (3,), got 2"),
        ({"scale": 1.0, "type": FLOAT32}, "expected an integer type where there is a scale, got FLOAT32"),
        ({"scale": 1.0, "quantization": Quantization()}, "expected `scale` or `quantization`, got both"),
    ],
)
def test_quantization_that_means_nothing_is_refused(quantized: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Builder().input("x", (3,), **{"type": INT8, **quantized})
    assert message in str(caught.value)


def test_a_quantization_that_is_given_whole_is_taken_as_it_is() -> None:
    odd = Quantization(np.float32([0]), None)
    assert Builder().input("x", (3,), INT8, quantization=odd).quantization == odd


def test_names_are_unique() -> None:
    b = Builder()
    b.input("x", (1,))
    with pytest.raises(ValueError, match="expected a name that no tensor of graph 'main' has yet, got 'x'"):
        b.input("x", (1,))


def test_operators_are_found_by_class_name() -> None:
    from qengine import ops

    assert ops.Conv2D(stride_w=2).stride_w == 2
    assert ops.Conv2D is ops.find("CONV_2D")
    with pytest.raises(AttributeError, match="has no attribute 'Conv_2D'"):
        _ = ops.Conv_2D
