from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from PIL import Image

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES
from braintumor_tf.report import plots
from braintumor_tf.report.plots.style import CLASS_COLOURS, MAX_BYTES, SPLIT_COLOURS, class_colours, save_figure
from braintumor_tf.report.wording.metrics import score_table
from tests.report.conftest import make_history, make_manifest, make_metrics, make_predictions
from tests.report.figure_texts import texts

MANY = tuple(
    f"{name} – très long nom de classe № {place} 脑肿瘤 $x^2$" for place, name in enumerate("abcdefghijklmnopqrst")
)


def draw_all(manifest: pd.DataFrame, classes: tuple[str, ...]) -> list[Figure]:
    predictions = make_predictions(manifest, classes)
    metrics = make_metrics(predictions, manifest, classes)
    matrix = metrics["confusion_matrix"]
    pairs = [(manifest["path"].iloc[0], manifest["path"].iloc[-1], "same file\ntrain → test")]
    return [
        plots.class_balance(manifest),
        plots.image_sizes(manifest),
        plots.group_sizes(manifest),
        plots.sample_grid(manifest, for_each_class=2),
        plots.near_duplicate_pairs(pairs),
        plots.training_curves(make_history()),
        plots.confusion_matrix(matrix["counts"], matrix["labels"]),
        plots.roc_curves(predictions),
        plots.precision_recall_curves(predictions),
        plots.score_intervals(metrics),
        plots.predicted_grid(predictions),
        plots.worst_errors(predictions),
    ]


@pytest.mark.parametrize("classes", [CLASSES, BINARY_CLASSES, ("glioma",), MANY], ids=["four", "two", "one", "twenty"])
def test_every_figure_draws_whatever_the_classes(classes, tmp_path, recwarn):
    settings = dict(matplotlib.rcParams)
    figures = draw_all(make_manifest(tmp_path / "images", classes, images=6), classes)
    assert all(isinstance(figure, Figure) and figure.axes for figure in figures)
    assert pyplot.get_fignums() == []
    assert {name: matplotlib.rcParams[name] for name in settings} == settings
    assert not [
        str(warning.message) for warning in recwarn if issubclass(warning.category, (UserWarning, RuntimeWarning))
    ]


def test_a_saved_figure_is_a_small_png_of_the_full_size(manifest, tmp_path):
    figure = plots.sample_grid(manifest)
    path = save_figure(figure, tmp_path / "figures" / "sample.png")
    assert path.stat().st_size <= MAX_BYTES
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert min(image.size) > 300
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_empty_tables_say_so_in_words(manifest):
    empty = manifest.head(0)
    assert "no images" in texts(plots.class_balance(empty))
    assert "no images" in texts(plots.image_sizes(empty))
    assert "no images" in texts(plots.sample_grid(empty))
    assert "not been grouped" in texts(plots.group_sizes(manifest.assign(group="")))
    assert "no near-duplicates" in texts(plots.near_duplicate_pairs([]))
    assert "no training history" in texts(plots.training_curves(None))
    assert "no training history" in texts(
        plots.training_curves(pd.DataFrame({"epoch": [1, 2], "loss": [np.nan, np.nan]}))
    )
    assert "no leak curve" in texts(plots.leak_curve(None))
    assert "nothing has been scored" in texts(plots.score_intervals({}))


def test_no_error_is_good_news(predictions):
    right = predictions.assign(predicted=predictions["label"])
    assert f"no errors among {len(right)} images" in texts(plots.worst_errors(right))


def test_class_balance_shows_the_counts(manifest):
    uneven = manifest.drop(manifest[(manifest["label"] == "glioma") & (manifest["split"] == "train")].index[:3])
    shown = texts(plots.class_balance(uneven)).split("\n")
    assert "3" in shown and "6" in shown
    assert {"train", "validation", "test", "glioma"} <= set(shown)


def test_images_without_split_are_named_so(manifest):
    assert "no split" in texts(plots.class_balance(manifest.assign(split="")))


def test_group_sizes_count_groups_and_images(manifest):
    grouped = manifest.assign(group=["alike"] * 4 + [f"g{row}" for row in range(len(manifest) - 4)])
    shown = texts(plots.group_sizes(grouped))
    assert f"{len(manifest) - 4}\n({len(manifest) - 4})" in shown
    assert "1\n(4)" in shown


@pytest.mark.parametrize("missing", [["val_loss", "val_accuracy"], ["accuracy", "val_accuracy"], ["epoch"]])
def test_training_curves_tolerate_missing_columns(missing):
    figure = plots.training_curves(make_history().drop(columns=missing))
    titles = {axes.get_title(loc="left") for axes in figure.axes}
    assert "Loss" in titles
    assert ("Accuracy" in titles) == ("val_accuracy" not in missing or "accuracy" not in missing)


def test_training_curves_shade_every_stage_but_the_last():
    history = make_history()
    stages = ["head"] * 2 + ["fine_tuning"] * (len(history) - 2)
    axes = plots.training_curves(history.assign(stage=stages), panels=["loss"]).axes[0]
    spans = {patch.get_label(): patch for patch in axes.patches}
    assert list(spans) == ["stage “head”"]
    assert (spans["stage “head”"].get_x(), spans["stage “head”"].get_width()) == (0.5, 2.0)
    assert not plots.training_curves(history.assign(stage="training"), panels=["loss"]).axes[0].patches


def test_training_curves_mark_the_lowest_validation_loss():
    history = make_history()
    figure = plots.training_curves(history, panels=["loss"])
    marker = next(line for line in figure.axes[0].lines if line.get_label() == "lowest validation loss")
    assert marker.get_xdata()[0] == history.loc[history["val_loss"].idxmin(), "epoch"]


def test_learning_rate_and_macro_f1_have_panels_where_they_are_recorded():
    history = make_history().assign(learning_rate=1e-3, val_macro_f1=0.5)
    titles = {axes.get_title(loc="left") for axes in plots.training_curves(history).axes}
    assert {"Loss", "Accuracy", "Macro-F1", "Learning rate"} <= titles


def test_confusion_matrix_in_counts_and_rates():
    shown = texts(plots.confusion_matrix([[3, 1], [0, 0]], ["tumor", "no_tumor"]))
    assert {"3", "1", "0.75", "0.25", "–"} <= set(shown.split("\n"))
    alone = texts(plots.confusion_matrix([[3, 1], [0, 0]], ["tumor", "no_tumor"], panels=["counts"]))
    assert "0.75" not in alone


def test_curves_name_the_classes_that_are_not_among_the_images(predictions):
    without = predictions[predictions["label"] != "pituitary"]
    for figure in (plots.roc_curves(without), plots.precision_recall_curves(without)):
        assert "not among the images: pituitary" in texts(figure)
    single = predictions[predictions["label"] == "glioma"]
    assert "at least two classes" in texts(plots.roc_curves(single))


def test_curve_areas_are_those_of_scikit_learn(predictions):
    from sklearn.metrics import average_precision_score, roc_auc_score

    truth = predictions["label"] == "glioma"
    assert f"glioma: AUC {roc_auc_score(truth, predictions['p_glioma']):.3f}" in texts(plots.roc_curves(predictions))
    area = average_precision_score(truth, predictions["p_glioma"])
    assert f"glioma: AP {area:.3f}" in texts(plots.precision_recall_curves(predictions))


def test_score_intervals_show_model_near_duplicates_and_baselines(metrics):
    metrics["twins"] = {"accuracy": {"value": 0.99, "low": 0.9, "high": 1.0}, "share": 0.2}
    shown = texts(plots.score_intervals(score_table(metrics)))
    assert "this model" in shown and "0.99" in shown and "0.41" in shown
    assert "near-duplicate" in shown and "nearest neighbour" in shown


def test_score_intervals_leave_out_what_has_no_value(metrics):
    metrics["accuracy"] = {"value": None, "low": None, "high": None}
    metrics["baselines"]["border"] = {"value": None}
    table = score_table(metrics)
    assert table["value"].notna().all()
    assert "border strip alone" not in set(table["name"])
    assert plots.score_intervals(table).axes


def test_leak_curve_draws_with_and_without_intervals():
    curve = pd.DataFrame({"threshold": [1.1, 0.99, 0.9], "accuracy": [0.9, 0.7, np.nan], "hidden_share": [0, 0.3, 1]})
    bars = curve.assign(low=curve["accuracy"] - 0.1, high=curve["accuracy"] + 0.1)
    for table in (curve, bars, curve.head(1)):
        shown = texts(plots.leak_curve(table)).split("\n")
        assert "none" in shown


def test_images_that_are_gone_are_drawn_as_such(predictions):
    gone = predictions.assign(path="nowhere/image.jpg")
    assert "cannot\nbe read" in texts(plots.predicted_grid(gone, count=4))


def test_colours_are_fixed_and_distinct():
    colours = class_colours(["pituitary", "other", "glioma", "another"])
    assert colours["glioma"] == CLASS_COLOURS["glioma"] and colours["pituitary"] == CLASS_COLOURS["pituitary"]
    assert len(set(map(str, colours.values()))) == 4
    assert set(CLASS_COLOURS) == {*CLASSES, *BINARY_CLASSES}
    assert not set(CLASS_COLOURS.values()) & set(SPLIT_COLOURS.values())
