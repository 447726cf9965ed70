"""Recipes: names, JSON, rules, and what is refused."""

from __future__ import annotations

import pytest

from qengine.ptq.observers import Observer
from qengine.ptq.recipe import SCHEMES, Recipe, Rule, Scheme, keep_in_float


@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "float"])
def test_every_name_survives_json(name: str) -> None:
    recipe = Recipe.named(name, keep_in_float=["SOFTMAX", "#3", "head/.*"], observer="entropy")
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.name == name


def test_a_file_may_say_only_what_it_changes() -> None:
    recipe = Recipe.from_dict({"scheme": "static_wi8_ai8", "observer": "mse", "input_type": "int8"})
    assert recipe == Recipe.named("static_wi8_ai8", observer=Observer("mse"), input_type="int8")


def test_fields_of_the_scheme_may_be_given_directly() -> None:
    recipe = Recipe.named("dynamic_wi4_afp32", granularity="blockwise", block_size=64)
    assert recipe.scheme == Scheme("dynamic", "int4", granularity="blockwise", block_size=64)


def test_the_converter_leaves_small_weights_of_dynamic_models_alone() -> None:
    assert Recipe.named("dynamic_wi8_afp32").min_weight_elements == 1024
    assert Recipe.named("static_wi8_ai8").min_weight_elements == 0
    assert Recipe.named("float16").min_weight_elements == 64
    assert Recipe.named("dynamic_wi8_afp32", min_weight_elements=7).min_weight_elements == 7


def test_only_integer_activations_need_samples() -> None:
    assert Recipe.named("static_wi8_ai8").needs_samples
    assert not Recipe.named("float16").needs_samples
    assert Recipe.named("float16", rules=[Rule("static_wi8_ai8", operator="CONV_2D")]).needs_samples


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("CONV_2D", Rule(operator="CONV_2D")),
        ("#7", Rule(node=7)),
        ("dense_.*/out", Rule(name="dense_.*/out")),
    ],
)
def test_texts_name_operators_nodes_and_names(text: str, rule: Rule) -> None:
    assert keep_in_float(text) == rule


def test_a_rule_means_nodes_that_meet_all_its_conditions() -> None:
    rule = Rule(operator="CONV_2D", name="^stem")
    assert rule.matches(0, {"CONV_2D", "RELU"}, {"stem/conv"}, {1})
    assert not rule.matches(0, {"RELU"}, {"stem/conv"}, {1})
    assert not rule.matches(0, {"CONV_2D"}, {"body/stem"}, {1})
    assert not Rule(graph=1).matches(0, {"ADD"}, {"x"}, {0})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observer": "median"}, "observer among"),
        ({"input_type": "int16"}, "input_type among float32, int8, uint8"),
        ({"output_type": "bool"}, "output_type among"),
        ({"granularity": "rowwise"}, "granularity among"),
        ({"granularity": "blockwise"}, "tensorwise or channelwise"),
        ({"unquantizable": "drop"}, "unquantizable among"),
        ({"min_weight_elements": -1}, "0 or more"),
        ({"keep_in_float": ["*"]}, "regular expression"),
        ({"weights": "float16"}, "weight_only"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe.named("static_wi8_ai8", **changes)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="recipe among"):
        Recipe.named("int8")
    with pytest.raises(TypeError, match="colour"):
        Recipe.named("float16", colour="red")
    with pytest.raises(ValueError, match="fields of a recipe"):
        Recipe.from_dict({"colour": "red"})
    with pytest.raises(ValueError, match="JSON object"):
        Recipe.from_json("[]")
    with pytest.raises(ValueError, match="block_size"):
        Recipe.named("dynamic_wi4_afp32", granularity="blockwise", block_size=48)
    with pytest.raises(ValueError, match="scheme among"):
        Rule("int8")
