"""What pip installs: the wheel in an environment of its own, outside a clone, and the Colab cells against it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from braintumor_tf import __version__
from braintumor_tf.notebooks.parameters import read_notebook
from braintumor_tf.notebooks.runner import find_notebooks
from tests.conftest import REPOSITORY
from tests.notebooks.written import write

SOURCES = ("braintumor_tf", "notebooks", "setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
NOTEBOOKS = find_notebooks(REPOSITORY / "notebooks")
RUN_CELL = """
import sys, types
from IPython.core.interactiveshell import InteractiveShell
sys.modules["google.colab"] = types.ModuleType("google.colab")
InteractiveShell.instance().run_cell(sys.argv[1]).raise_error()
"""


def called(*words: object, folder: Path, **environment: str) -> str:
    """Runs a program outside the clone and returns what it printed; its failure is the test's."""
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    answer = subprocess.run(
        [str(word) for word in words], cwd=folder, env=plain | environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the wheel of a copy of this project, built offline."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
        else:
            shutil.copy(path, source)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation")
    called(*pip, "--wheel-dir", out, source, folder=source)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the Python of a fresh environment with the wheel; other packages are read from this environment."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = Path(called(python, "-c", asked, folder=place).strip())
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (own / "others.pth").write_text("\n".join(sorted(paths)))
    install = (python, "-m", "pip", "install", "--no-deps", "--no-index", "--ignore-installed", wheel)
    called(*install, folder=place)
    return python


def test_the_wheel_holds_the_notebooks_and_all_other_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    data = [path for path in (REPOSITORY / "braintumor_tf").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    wanted = {path.relative_to(REPOSITORY).as_posix() for path in data if not path.name.startswith(".")}
    wanted |= {f"braintumor_tf/notebooks/numbered/{path.name}" for path in NOTEBOOKS}
    assert {name for name in names if ".dist-info/" not in name} == wanted


def test_an_installed_package_lists_copies_and_runs_notebooks_anywhere(python, tmp_path):
    command = python.with_name("braintumor-tf")
    place = called(python, "-c", "import braintumor_tf; print(braintumor_tf.__file__)", folder=tmp_path).strip()
    assert REPOSITORY not in Path(place).parents
    listed = json.loads(called(command, "notebooks", "list", "--json", folder=tmp_path))
    assert [row["name"] for row in listed] == [path.stem for path in NOTEBOOKS]
    called(command, "notebooks", "copy", "mine", "0x", folder=tmp_path)
    copies = sorted((tmp_path / "mine").iterdir())
    assert [path.read_bytes() for path in copies] == [
        path.read_bytes() for path in NOTEBOOKS if path.name.startswith("0")
    ]
    own = write(tmp_path / "small", "50_small", "import braintumor_tf\nassert braintumor_tf.__version__")
    templates = str(Path(sysconfig.get_path("data")) / "share" / "jupyter")  # of nbconvert, in this environment
    called(command, "run", own, "-p", "EPOCHS", 3, "--out", "out", folder=tmp_path, JUPYTER_PATH=templates)
    assert json.loads((tmp_path / "out" / "50_small.json").read_text())["epochs"] == 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_colab_cell_pins_this_version_and_names_extras_that_there_are(path, wheel):
    source = read_notebook(path).cells[1].source
    named, version = source.split('"braintumor_tf[')[1].split('"')[0].split("]==")
    metadata = next(name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".dist-info/METADATA"))
    lines = zipfile.ZipFile(wheel).read(metadata).decode().splitlines()
    extras = {line.removeprefix("Provides-Extra: ") for line in lines if line.startswith("Provides-Extra: ")}
    assert version == __version__ and "notebooks" in named.split(",") and set(named.split(",")) <= extras


def test_the_colab_cells_install_the_wheel_as_they_are_written(wheel, python, tmp_path):
    offline = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheel.parent),
        "PIP_NO_DEPS": "1",
        "PIP_IGNORE_INSTALLED": "1",
    }
    where = "import braintumor_tf; print(braintumor_tf.__file__)"
    for source in sorted({read_notebook(path).cells[1].source for path in NOTEBOOKS}):
        installed = Path(called(python, "-c", where, folder=tmp_path).strip()).parent
        shutil.rmtree(installed)
        said = called(python, "-c", RUN_CELL, source, folder=tmp_path, **offline)
        assert "does not provide" not in said and "ERROR" not in said
        assert Path(called(python, "-c", where, folder=tmp_path).strip()).parent == installed
