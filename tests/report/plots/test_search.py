from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from braintumor_tf.report.plots import search_trials
from tests.report.figure_texts import texts


def make_trials(count: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    state = np.resize(["finished", "finished", "pruned", "failed", "killed"], count)
    return pd.DataFrame(
        {
            "trial": np.arange(count),
            "state": state,
            "score": np.where(np.isin(state, ["finished", "pruned"]), random.uniform(0.4, 0.9, count), np.nan),
            "learning_rate": 10 ** random.uniform(-4, -2, count),
            "epochs": random.integers(5, 31, count),
            "trains": random.choice(np.array([4, 8, "all"], object), count),
            "reason": None,
        }
    )


def titles(figure: Figure) -> set[str]:
    return {chart.get_title(loc="left") for chart in figure.axes} - {""}


@pytest.mark.parametrize("count", [1, 2, 5, 60])
def test_every_searched_parameter_has_a_chart(count, recwarn):
    figure = search_trials(make_trials(count))
    assert titles(figure) == {"Scores of the search", "learning rate", "epochs", "trains"}
    assert "mathdefault" not in texts(figure)
    assert not [str(warning.message) for warning in recwarn if issubclass(warning.category, UserWarning)]


@pytest.mark.parametrize(("monitor", "better"), [("val_macro_f1", max), ("val_loss", min)])
def test_the_best_so_far_never_gets_worse_and_ends_at_the_best(monitor, better):
    trials = make_trials(40)
    figure = search_trials(trials, parameters=["epochs"], monitor=monitor)
    line = next(line for line in figure.axes[-1].lines if line.get_label() == "best so far")
    best = better(trials.loc[trials["state"] == "finished", "score"])
    assert line.get_ydata()[-1] == best
    assert [better(pair) for pair in zip(line.get_ydata(), line.get_ydata()[1:])] == list(line.get_ydata()[1:])


def test_without_a_score_the_figure_says_so():
    assert "no trial has a score yet" in texts(search_trials(make_trials(5).assign(score=np.nan)))
