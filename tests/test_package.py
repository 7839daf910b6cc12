"""The frame: imports stay light, public names exist, the command answers."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

import braintumor_tf
from braintumor_tf.cli.main import main

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
