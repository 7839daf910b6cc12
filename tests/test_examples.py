"""Every public name has an example in its docstring, and the examples are true."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import braintumor_tf

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(braintumor_tf.__path__, "braintumor_tf.")
    if not module.name.endswith("__main__")
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_are_true(name, tmp_path, monkeypatch):
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)
    tests = [test for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.examples]
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    reports: list[str] = []
    for test in tests:
        runner.run(test, out=reports.append)
    assert runner.failures == 0, "".join(reports)


@pytest.mark.parametrize("name", [name for name in braintumor_tf.__all__ if name not in braintumor_tf._ROOMS])
def test_every_public_name_has_an_example(name):
    found = getattr(braintumor_tf, name)
    if callable(found):
        assert ">>>" in (inspect.getdoc(found) or ""), f"{name} has no example"
