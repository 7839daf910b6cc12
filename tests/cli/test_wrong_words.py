"""Wrong words on the command line: named in one line, with the exit code that is theirs."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from braintumor_tf.cli.main import main
from tests.calling import call


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["train"], 2, "--resume RUN"),
        (["train", "--resume", "somewhere", "--epochs", "3"], 2, "leave out --epochs"),
        (["train", "--resume", "/no/such/run"], 1, "not a run directory"),
        (["train", "--model", "VGG", "--dataset", "synthetic"], 1, "'VGG' is no model"),
        (["train", "--model", "CNN", "--dataset", "/no/such/set"], 1, "neither a folder"),
        (["train", "--model", "CNN", "--dataset", "/no/such/set", "--image-size", "16"], 1, "give 31 pixels a side"),
        (["train", "--model", "CNN", "--dataset", "synthetic", "--preset", "fast"], 1, "scratch"),
        (["train", "--model", "CNN", "--dataset", "synthetic", "--noise", "snow"], 1, "gaussian"),
        *(
            (
                ["train", "--model", "CNN", "--dataset", "x", name, seed],
                2,
                f"'{name}': {seed} is not in the range 0<=x<=",
            )
            for name in ("--seed", "--split-seed")
            for seed in ("-1", str(2**32))
        ),
        (["search", "--model", "CNN", "--dataset", "x", "--seed", "-1"], 2, "-1 is not in the range 0<=x<="),
        (["compare", "a", "b", "--seed", str(2**32)], 2, f"{2**32} is not in the range 0<=x<={2**32 - 1}"),
        (["evaluate", "/no/such/run"], 1, "not a run directory"),
        (["predict", "/no/such/run", "image.png"], 1, "not a run directory"),
    ],
)
def test_wrong_words_are_named(words, code, message):
    result = call(*words)
    assert result.exit_code == code and message in result.stderr
    assert code == 2 or len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["audit", "/no/such/folder"], "no such folder"),
        (["datasets", "fetch", "nonsense"], "nonsense"),
        (["datasets", "verify", "/no/such/folder"], "no such folder"),
        (["run", "99_nonsense"], "no notebook 99_nonsense"),
    ],
)
def test_errors_are_one_line_and_exit_with_1(words, message):
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1 and message in result.stderr
