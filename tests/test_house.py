"""The house: the order of its rooms, no circles, rooms and functions of a size that a person can read."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "braintumor_tf"
FOUNDATION = ("_version", "errors", "files", "interrupts", "lazy", "progress", "types", "predictions_table")
ORDER = (
    *("datasets", "runs", "matching", "identity", "leakage", "augment", "models", "training", "evaluation"),
    *("experiments", "explanation", "report", "deploy", "notebooks", "cli"),
)
FILES_IN_A_ROOM, LINES_IN_A_FILE, LINES_IN_A_FUNCTION, MEDIAN_FUNCTION = 12, 300, 50, 12


def modules(package: Path = PACKAGE) -> dict[str, Path]:
    """Returns every module of the package by its dotted name."""
    found = {}
    for path in package.rglob("*.py"):
        name = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """Returns the modules of the package that a file imports, wherever in the file, also by a dotted text."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "braintumor_tf":
            found |= {name if (name := f"{node.module}.{alias.name}") in known else node.module for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "braintumor_tf"}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and ":" in node.value:
            found |= {node.value.split(":")[0]} & set(known)
    return found


def room(module: str) -> str:
    """Returns the stage that a module belongs to, or the module itself for those at the top."""
    return [*module.split("."), ""][1]


def order_errors(known: dict[str, Path]) -> list[str]:
    """Names each import that goes against the order of the rooms."""
    place = {name: number for number, name in enumerate(ORDER, start=1)} | dict.fromkeys(FOUNDATION, 0)
    errors = []
    for module, path in sorted(known.items()):
        if room(module) in ("", "__main__"):
            continue  # the package itself and the command's entry hand out names of every room
        for target in sorted(imports(path, known)):
            if room(target) and place[room(target)] > place[room(module)]:
                errors.append(f"{module} imports {target}")
    return errors


def circles(known: dict[str, Path]) -> list[str]:
    """Names a circle of imports for each module that reaches itself; what an `__init__` exports counts as imported."""
    graph = {name: imports(path, known) - {name} for name, path in known.items() if room(name)}
    graph = {name: {target for target in targets if target in graph} for name, targets in graph.items()}
    found, done = [], set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            found.append(" -> ".join([*trail[trail.index(name) :], name]))
        elif name not in done:
            for target in sorted(graph[name]):
                visit(target, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())
    return found


def functions() -> list[tuple[str, int]]:
    """Returns every function with its lines of code: without its docstring, its signature and blank lines."""
    found = []
    for module, path in modules().items():
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                code = lines[body[0].lineno - 1 : node.end_lineno] if body else []
                found.append((f"{module}.{node.name}", sum(bool(line.strip()) for line in code)))
    return found


def test_a_room_imports_only_rooms_before_it():
    assert order_errors(modules()) == []


def test_no_circle_of_imports():
    assert circles(modules()) == []


def test_the_checks_see_a_wrong_order_and_a_circle(tmp_path):
    package = tmp_path / "braintumor_tf"
    for name, text in {
        "leakage/a.py": "from braintumor_tf.report.b import x\n",
        "report/b.py": "def f():\n    from braintumor_tf.leakage import a\n",
    }.items():
        (package / name).parent.mkdir(parents=True)
        (package / name).write_text(text)
    known = modules(package)
    assert order_errors(known) == ["braintumor_tf.leakage.a imports braintumor_tf.report.b"]
    assert circles(known) == ["braintumor_tf.leakage.a -> braintumor_tf.report.b -> braintumor_tf.leakage.a"]


def test_every_room_is_in_the_order():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").is_file()}
    assert rooms <= set(ORDER)


@pytest.mark.parametrize("folder", sorted({path.parent for path in modules().values()}), ids=lambda path: path.name)
def test_a_room_holds_few_files(folder):
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= FILES_IN_A_ROOM


def test_no_file_is_long():
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in modules().values()}
    assert {name: length for name, length in lengths.items() if length > LINES_IN_A_FILE} == {}


def test_functions_fit_a_screen():
    lengths = functions()
    assert [name for name, length in lengths if length > LINES_IN_A_FUNCTION] == []
    assert statistics.median(length for _, length in lengths) <= MEDIAN_FUNCTION


def test_no_function_shares_the_name_of_its_module():
    known, shared = modules(), []
    for module, path in known.items():
        names = {
            node.name
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        }
        if path.name != "__init__.py" and module.split(".")[-1] in names and room(module) != "cli":
            shared.append(module)
    assert shared == []


def test_no_package_exports_a_name_that_hides_a_module():
    hidden = []
    for module, path in modules().items():
        if path.name != "__init__.py" or module in ("braintumor_tf", "braintumor_tf.cli"):
            continue
        inside = {child.stem for child in path.parent.iterdir() if child.suffix == ".py" or child.is_dir()}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                hidden += [
                    f"{module}.{alias.name}" for alias in node.names if alias.name in inside and node.module != module
                ]
    assert hidden == []
