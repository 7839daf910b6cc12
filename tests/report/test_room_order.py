"""Inside the report, too, a folder imports only those before it."""

from __future__ import annotations

from tests.test_house import imports, modules

ORDER = ("wording", "plots", "sections", "model_card", "pages")
REPORT = "braintumor_tf.report"


def folder(module: str) -> str:
    return module.removeprefix(f"{REPORT}.").split(".")[0]


def test_words_come_before_figures_before_sections_before_cards_and_pages():
    known = {name: path for name, path in modules().items() if name.startswith(f"{REPORT}.")}
    wrong = []
    for module, path in known.items():
        for target in imports(path, known):
            places = [ORDER.index(folder(name)) if folder(name) in ORDER else None for name in (module, target)]
            if target.startswith(REPORT) and None not in places and places[1] > places[0]:
                wrong.append(f"{module} imports {target}")
    assert {folder(module) for module in known} >= set(ORDER)
    assert wrong == []
