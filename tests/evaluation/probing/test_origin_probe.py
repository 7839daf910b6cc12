"""The source probe: what features tell of the origin, apart from what they tell of the class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation import Ensemble, image_features, probe_origins, source_probe
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers
from braintumor_tf.models import build
from tests.training.toy import small_cnn, toy_manifest


def made_rows(groups: int = 120, slices: int = 3, seed: int = 0) -> pd.DataFrame:
    """Two origins; four of five gliomas are figshare's, four of five meningiomas br35h's."""
    generator = np.random.default_rng(seed)
    labels = np.array(["glioma", "meningioma"])[np.arange(groups) % 2]
    usual = np.where(labels == "glioma", "figshare", "br35h")
    other = np.where(labels == "glioma", "br35h", "figshare")
    origins = np.where(generator.random(groups) < 0.8, usual, other)
    names = [f"g{number:03}" for number in range(groups)]
    return pd.DataFrame({"label": labels, "origin": origins, "group": names}).loc[np.repeat(range(groups), slices)]


def with_noise(column: np.ndarray, noise: float = 1.0, width: int = 6) -> np.ndarray:
    generator = np.random.default_rng(1)
    return np.column_stack([column.astype(float), np.zeros((len(column), width))]) + noise * generator.normal(
        size=(len(column), width + 1)
    )


def test_scores_are_those_of_scikit_learn():
    rows = made_rows()
    features = with_noise((rows["origin"] == "br35h").to_numpy())
    found = probe_origins(features, rows, seed=4, resamples=200)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500, class_weight="balanced"))
    groups = group_numbers(rows["group"])
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=4)
    named = cross_val_predict(model, features, rows["origin"].to_numpy(str), groups=groups, cv=folds)
    expected = balanced_accuracy_score(rows["origin"], named)
    score = found.overall.balanced_accuracy
    assert score.value == pytest.approx(expected) and 0.6 < expected < 0.8
    assert score.low < score.value < score.high
    assert found.overall.chance == 0.5 and found.overall.origins == ("br35h", "figshare")
    assert found.overall.images == len(rows)


def test_features_of_the_class_alone_name_origins_only_across_classes():
    rows = made_rows()
    found = probe_origins(with_noise((rows["label"] == "glioma").to_numpy(), noise=0.1), rows)
    assert found.overall.balanced_accuracy.low > 0.6
    within = found.within_classes.balanced_accuracy
    assert within.low < 0.5 < within.high and set(found.classes) == {"glioma", "meningioma"}
    each = [score.balanced_accuracy.value for score in found.classes.values()]
    assert within.value == pytest.approx(np.mean(each))


def test_features_of_the_origin_name_it_within_each_class():
    rows = made_rows()
    found = probe_origins(with_noise((rows["origin"] == "br35h").to_numpy(), noise=0.1), rows)
    assert found.within_classes.balanced_accuracy.value > 0.95


def test_a_group_is_never_asked_about_by_a_model_that_knows_it():
    """Features that tell groups apart, and nothing of origins: memory would name them all."""
    rows = made_rows(groups=80, slices=6)
    of_group = np.random.default_rng(2).normal(size=(80, 40))
    features = np.repeat(of_group, 6, axis=0)
    groups = group_numbers(rows["group"])
    known = LogisticRegression(max_iter=500).fit(features[::2], rows["origin"][::2])
    assert known.score(features[1::2], rows["origin"][1::2]) > 0.9
    shuffled = rows.assign(origin=np.random.default_rng(3).choice(["a", "b"], 80)[groups])
    score = probe_origins(features, shuffled).overall.balanced_accuracy
    assert score.low < 0.5 < score.high


def test_classes_of_one_origin_are_passed_over():
    rows = made_rows()
    rows = rows[(rows["label"] == "glioma") | (rows["origin"] == "br35h")]
    found = probe_origins(with_noise((rows["origin"] == "br35h").to_numpy()), rows)
    assert list(found.classes) == ["glioma"]
    alone = rows.assign(origin=np.where(rows["label"] == "glioma", "figshare", "br35h"))
    assert probe_origins(with_noise(alone["label"] == "glioma"), alone).within_classes is None


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    """Toy images of two origins and a few of a third; those of ``b`` are brighter in no way that the toy task needs."""
    rows = toy_manifest(tmp_path_factory.mktemp("toy"))
    number = rows.groupby(["split", "label"]).cumcount()
    origin = np.where(number % 6 < 3, "a", "b")
    return rows.assign(origin=np.where((number == 5) & (rows["label"] == "glioma"), "rare", origin), group=rows["path"])


def test_a_probe_of_a_model_names_what_it_left_out(manifest):
    model = build("PCA", classes=CLASSES, image_size=16)
    train = manifest[manifest["split"] == "train"]
    model.fit(np.random.default_rng(0).integers(0, 255, (len(train), 20, 20, 1)), train["label"])
    found = source_probe(model, manifest, resamples=50, show_progress=False)
    assert set(found.origins) == {"a", "b"} and found.left_out == {"rare": {"images": 2, "groups": 2}}
    assert found.features.overall.images == 46 and found.pixels.overall.origins == ("a", "b")
    written = found.to_dict()
    assert written["features"]["overall"]["chance"] == 0.5 and written["splits"] == ["validation", "test"]
    few = source_probe(model, manifest.assign(origin=np.where(manifest["origin"] == "rare", "rare", "a")))
    assert few.features is None and "rare" in few.left_out
    assert source_probe(model, manifest.assign(origin="a")) is None


def test_features_are_those_that_the_head_is_given(manifest):
    import keras

    rows = manifest.iloc[:5]
    network = small_cnn()
    found = image_features(network, rows, show_progress=False)
    pooled = keras.Model(network.inputs, network.get_layer("average_pooling").output)
    images = np.stack([keras.utils.img_to_array(keras.utils.load_img(path, "grayscale")) for path in rows["path"]])
    resized = keras.ops.image.resize(images, (32, 32), antialias=True)
    assert found.shape == (5, 8) and found.dtype == np.float32
    np.testing.assert_allclose(found, pooled.predict(np.asarray(resized), verbose=0), atol=0.05)


def test_an_ensemble_has_no_features(manifest):
    with pytest.raises(EvaluationError, match="no features of one kind"):
        image_features(Ensemble([small_cnn()]), manifest.iloc[:2])
