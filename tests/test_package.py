"""The frame: imports stay light, public names exist, the command answers."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

import braintumor_tf
from braintumor_tf.cli.main import main
from tests.leakage.conftest import picture, save

HEAVY = ("tensorflow", "keras", "numpy", "pandas", "matplotlib", "sklearn", "cv2", "papermill")


@pytest.mark.parametrize("statement", ["import braintumor_tf", "import braintumor_tf.cli.main"])
def test_importing_imports_nothing_heavy(statement):
    code = f"{statement}; import sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""


@pytest.mark.parametrize("name", sorted(braintumor_tf.__all__))
def test_every_public_name_exists_and_is_documented(name):
    value = getattr(braintumor_tf, name)
    assert name == "__version__" or value.__doc__


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        braintumor_tf.nonsense  # noqa: B018


def all_commands(command=main, path=()):
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from all_commands(below, (*path, name))


@pytest.mark.parametrize(("path", "command"), [pytest.param(*c, id=" ".join(c[0]) or "main") for c in all_commands()])
def test_every_command_has_help_with_an_example(path, command):
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    assert "Example: braintumor-tf" in result.output or "Start with" in result.output
    assert "\\b" not in result.output


@pytest.fixture
def leaky(tmp_path):
    for where in ("train", "test"):
        for number in range(3):
            save(picture(number), tmp_path / "set" / where / "glioma" / f"{number}.png")
    return tmp_path / "set"


def test_audit_prints_json_and_fails_on_a_leak(leaky):
    result = CliRunner().invoke(main, ["audit", str(leaky), "--json", "--fail-on", "leak"])
    report = json.loads(result.stdout)
    assert result.exit_code == 3
    assert report["images"] == 6 and report["near"]["test_with_train_twin"] == 3


def test_audit_of_a_clean_folder_succeeds(tmp_path):
    for number in range(4):
        save(picture(number), tmp_path / "set" / ("train", "test")[number % 2] / "glioma" / f"{number}.png")
    result = CliRunner().invoke(main, ["audit", str(tmp_path / "set"), "--fail-on", "leak"])
    assert result.exit_code == 0 and "No test image has a near-duplicate in training" in result.stdout


def test_audit_writes_a_page(leaky, tmp_path):
    page = tmp_path / "out" / "audit.html"
    result = CliRunner().invoke(main, ["audit", str(leaky), "--html", str(page)])
    assert result.exit_code == 0 and "<html" in page.read_text(encoding="utf-8")


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
