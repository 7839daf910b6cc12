"""Parameters of notebooks: what they are read as, and what is refused before anything runs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from braintumor_tf.errors import NotebookError
from braintumor_tf.notebooks.parameters import check_parameters, declared_parameters
from tests.notebooks.written import PARAMETERS, run, write


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out {odd}"


def test_declared_parameters_reads_types_defaults_and_comments(tmp_path):
    declared = declared_parameters(write(tmp_path, "00_a"))
    assert [(item.name, item.type, item.default) for item in declared.values()] == [
        ("DATASET", "str", "synthetic"),
        ("OUT", "str", "models"),
        ("EPOCHS", "int", 2),
        ("RATE", "float", 0.5),
        ("BOXES", "list[int]", [1, 2]),
        ("NOTE", "str | None", None),
        ("FAST", "bool", True),
    ]
    assert declared["RATE"].help == "a=b in a comment"
    assert declared["FAST"].help == ""


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("EPOCHS", "3", 3),
        ("EPOCHS", np.int64(3), 3),
        ("RATE", "1e-3", 0.001),
        ("RATE", 1, 1.0),
        ("FAST", "False", False),
        ("BOXES", "[3]", [3]),
        ("BOXES", (3, 4), [3, 4]),
        ("NOTE", "None", None),
        ("NOTE", "s=a=b", "s=a=b"),
        ("DATASET", Path("data") / "x", os.path.join("data", "x")),
    ],
)
def test_values_are_read_as_the_declared_type(tmp_path, name, given, expected):
    checked = check_parameters({name: given}, declared_parameters(write(tmp_path, "00_a")), "00_a")
    assert checked == {name: expected}
    assert type(checked[name]) is type(expected)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("EPOCHS", "three"),
        ("EPOCHS", 1.5),
        ("EPOCHS", True),
        ("EPOCHS", None),
        ("RATE", "nan"),
        ("RATE", "fast"),
        ("FAST", "maybe"),
        ("FAST", 1),
        ("BOXES", "3"),
        ("BOXES", '["a"]'),
        ("BOXES", "[1, 2"),
        ("DATASET", 3),
        ("NOTE", 3),
    ],
)
def test_wrong_types_are_refused_in_one_line(tmp_path, out, name, given):
    path = write(tmp_path, "00_a")
    with pytest.raises(NotebookError, match=f"00_a: {name} must be ") as caught:
        run([path], out, parameters={name: given})
    assert repr(given) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": {"EPOCH": 1}}, "no notebook of these has a parameter EPOCH; they take DATASET, OUT, EPOCHS"),
        ({"parameters": {"ONLY_B": "x"}}, "01_b: ONLY_B must be a whole number"),
        ({"parameters": {"OUT": "elsewhere"}}, "OUT follows from"),
        ({"parameters": {"DATASET": "a"}, "dataset": "b"}, "DATASET is given twice"),
        ({"kernel": "nosuch"}, "no kernel nosuch"),
    ],
)
def test_bad_requests_are_refused_before_anything_runs(tmp_path, out, options, message):
    paths = [write(tmp_path, "00_a"), write(tmp_path, "01_b", parameters=PARAMETERS + "\nONLY_B: int = 1")]
    with pytest.raises(NotebookError, match=message):
        run(paths, out, **options)
    assert not out.exists()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (None, "no cell tagged `parameters`"),
        ("EPOCHS = int('3')", "EPOCHS must be a literal"),
        ("import os", "may only hold assignments"),
        ("EPOCHS: complex = 1", "has the type complex"),
        ("EPOCHS = (", "not valid Python"),
    ],
)
def test_bad_parameters_cells_are_refused_before_anything_runs(tmp_path, out, parameters, message):
    paths = [write(tmp_path, "00_good"), write(tmp_path, "01_bad", parameters=parameters)]
    with pytest.raises(NotebookError, match=message):
        run(paths, out)
    assert not out.exists()


def test_files_that_are_no_notebooks_and_dangerous_folders_are_refused(tmp_path, out):
    good = write(tmp_path / "a", "00_a")
    (tmp_path / "01_text.ipynb").write_text("not JSON")
    for paths, folder, message in (
        ([], out, "no notebooks to run"),
        ([tmp_path / "01_text.ipynb"], out, "not a Jupyter notebook"),
        ([tmp_path / "02_none.ipynb"], out, "no such notebook"),
        ([good, write(tmp_path / "b", "00_a")], out, "00_a: given twice"),
        ([good], good.parent, "is the folder of the notebook"),
    ):
        with pytest.raises(NotebookError, match=message):
            run(paths, folder)


def test_a_parameter_goes_to_the_notebooks_that_know_it_and_which_is_said(tmp_path, out, monkeypatch, capsys):
    paths = [write(tmp_path, "00_a"), write(tmp_path, "01_b", parameters=PARAMETERS + "\nONLY_B: int = 1")]
    given = {}
    monkeypatch.setattr(
        "braintumor_tf.notebooks.execution.execute",
        lambda path, out, *, parameters, **how: given.update({path.stem: parameters}) or (None, {}),
    )
    run(paths, out, parameters={"ONLY_B": "3", "EPOCHS": "4"})
    assert given == {
        "00_a": {"EPOCHS": 4, "OUT": str(out)},
        "01_b": {"ONLY_B": 3, "EPOCHS": 4, "OUT": str(out)},
    }
    assert capsys.readouterr().err == "ONLY_B goes to 01_b; the others have no such parameter\n"
