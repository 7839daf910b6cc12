"""Options that commands share: each sets the field of its name, and leaves the field's own default where not given."""

from __future__ import annotations

import click
import pytest

from braintumor_tf.cli.main import main
from braintumor_tf.training.settings import SETTINGS
from braintumor_tf.types import ModelConfig


def options_of(name: str) -> dict[str, click.Option]:
    return {each.name: each for each in main.commands[name].params}


def parsed(name: str) -> dict[str, object]:
    """Returns what a command is called with where nothing but a model and a data set is given."""
    return main.commands[name].make_context(name, ["--model", "CNN", "--dataset", "synthetic"]).params


@pytest.mark.parametrize("command", ["train", "search"])
def test_an_option_of_a_model_has_the_default_of_its_field(command):
    found = {name: option for name, option in options_of(command).items() if name in ModelConfig.names()}
    assert set(found) >= {"model", "image_size", "crop", "weights", "seed"}
    for name in set(found) - {"model", "seed"}:
        assert parsed(command)[name] == getattr(ModelConfig(), name), name


def test_train_takes_settings_by_the_names_that_training_knows():
    found = options_of("train")
    assert {"epochs", "trains", "precision"} <= SETTINGS & set(found)
    assert {parsed("train")[name] for name in SETTINGS & set(found)} == {None}, "what is not given is the preset's own"


def test_a_remedy_has_a_value_of_its_own_where_none_is_given():
    words = ["--model", "CNN", "--dataset", "synthetic", "--counterfactuals", "--grey-curves", "--bias-fields", "0.1"]
    words += ["--blur", "--box-loss", "0.5", "--balance", "origin_class", "--group-dro", "--controls", "0.25"]
    found = main.commands["train"].make_context("train", words).params
    wanted = {"counterfactuals": 1, "grey_curves": 0.5, "bias_fields": 0.1, "blur": 1.0, "box_loss": 0.5}
    wanted |= {"balance": "origin_class", "group_dro": 0.01, "controls": 0.25}
    assert {name: found[name] for name in wanted} == wanted and set(wanted) <= SETTINGS


def test_an_option_has_the_same_help_and_values_wherever_it_is_shared():
    shared = [(options_of(one), options_of(other)) for one, other in (("train", "search"), ("evaluate", "predict"))]
    for first, second in shared:
        for name in ("data_dir", "crop", "image_size", "weights", "binary", "views"):
            if name in first and name in second:
                assert first[name].to_info_dict() == second[name].to_info_dict()


def test_there_is_one_command_for_each_task():
    assert sorted(main.commands) == [
        "audit", "compare", "datasets", "doctor", "evaluate", "explain", "export", "import-model", "models",
        "notebooks", "predict", "run", "search", "train",
    ]  # fmt: skip
    assert sorted(main.commands["datasets"].commands) == ["fetch", "index", "link", "list", "merge", "verify"]
    assert sorted(main.commands["notebooks"].commands) == ["copy", "list"]
