"""Models that see images cut down to the head: the same cut in training, prediction, noise and explanation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf import explanation
from braintumor_tf.augment import ImageDataGenerator
from braintumor_tf.datasets import CropError, head_box, read_image
from braintumor_tf.datasets.descriptions import content_hash
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import Ensemble, EvaluationError, predict_manifest
from braintumor_tf.evaluation.comparison.cost import milliseconds_per_image
from braintumor_tf.evaluation.prediction.ensemble_file import model_file
from braintumor_tf.evaluation.robustness.run_robustness import robustness
from braintumor_tf.experiments import predict_files, run_experiment
from braintumor_tf.models import build, load_model
from braintumor_tf.models.factory import as_predictor
from braintumor_tf.models.image_fitting import read_for
from braintumor_tf.report import write_model_card
from braintumor_tf.runs import Run
from braintumor_tf.training.batches import training_batches, validation_batches
from tests.calling import call
from tests.training.toy import toy_manifest

SIDE = 32
QUICK = {
    "CNN": {"image_size": SIDE, "epochs": 2, "batch_size": 24, "augmentation": {}},
    "PCA": {"image_size": 24},
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    """The toy images, each as a bright head somewhere on a large dark picture."""
    manifest = toy_manifest(tmp_path_factory.mktemp("heads"))
    generator = np.random.default_rng(0)
    for path in manifest["path"]:
        toy = np.asarray(Image.open(path))
        left, top = generator.integers(5, 60, 2)
        picture = np.zeros((120, 130), np.uint8)
        picture[top : top + len(toy), left : left + len(toy)] = 80 + toy // 2
        Image.fromarray(np.stack([picture] * 3, axis=-1)).save(path)
    hashes = [content_hash(Path(path).read_bytes()) for path in manifest["path"]]
    return manifest.assign(md5=hashes, width=130, height=120)


@pytest.fixture(scope="module", params=sorted(QUICK))
def run(request, manifest, tmp_path_factory) -> Run:
    return run_experiment(
        manifest, request.param, out=tmp_path_factory.mktemp("runs") / request.param, crop="head", baselines=False,
        resamples=20, show_progress=False, **QUICK[request.param],
    )  # fmt: skip


def test_the_crop_is_kept_in_the_run_and_in_the_model(run):
    model = as_predictor(load_model(model_file(run)))
    assert run.config["crop"] == model.crop == "head"
    assert "cut down to the head" in write_model_card(run).read_text(encoding="utf-8")


def test_training_and_prediction_see_the_same_cut_pictures(run, manifest):
    model = as_predictor(load_model(model_file(run)))
    rows = manifest[manifest["split"] == "validation"].reset_index(drop=True)
    grey = model.channels == 1
    expected = np.stack([read_image(path, grey=grey, size=model.image_size, crop="head") for path in rows["path"]])
    expected = expected.reshape(len(rows), *model.image_size, model.channels)
    assert not np.array_equal(expected[0, ..., 0], read_image(rows["path"][0], grey=True, size=model.image_size))
    batches = validation_batches(manifest, model, batch_size=len(rows))
    np.testing.assert_array_equal(batches[0][0], expected)
    train = training_batches(manifest, model, batch_size=8, augmentation={})
    numbers = train.order(0)[:8]
    paths = manifest.loc[manifest["split"] == "train", "path"].to_numpy()[numbers]
    np.testing.assert_array_equal(train[0][0], np.stack([read_for(model, path) for path in paths]))
    answer = model.predict_images(expected)
    columns = [f"p_{name}" for name in CLASSES]
    kept = run.predictions.query("split == 'validation'")
    np.testing.assert_allclose(kept[columns], answer, atol=1e-5)
    np.testing.assert_allclose(
        predict_manifest(run, rows, splits=None, show_progress=False)[columns], answer, atol=1e-5
    )
    np.testing.assert_allclose(predict_files(run, rows["path"], show_progress=False)[columns], answer, atol=1e-5)
    assert milliseconds_per_image(run, rows["path"].tolist(), repeats=1, images=2) > 0


def test_the_place_of_the_head_makes_no_difference(run, tmp_path):
    head = cv2.ellipse(np.zeros((60, 60), np.uint8), (30, 30), (20, 25), 0, 0, 360, 200, -1)
    paths = []
    for left in (0, 37):
        paths.append(str(tmp_path / f"{left}.png"))
        Image.fromarray(np.pad(head, ((20, 40), (left, 37 - left)))).save(paths[-1])
    found = predict_files(run, paths, show_progress=False).filter(regex="^p_").to_numpy()
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_noise_comes_before_the_cut(run, manifest):
    rows = manifest[manifest["split"] == "test"].reset_index(drop=True)
    found = robustness(run, rows, noises=["gaussian"], severities=[1], size=120, resamples=0, show_progress=False)
    clean = found.predictions.query("noise == 'clean'").filter(like="p_").to_numpy()
    model = as_predictor(load_model(model_file(run)))
    pictures = [Image.fromarray(read_image(path, grey=False, size=(120, 120))) for path in rows["path"]]
    boxes = [head_box(np.asarray(picture.convert("L"))) for picture in pictures]
    cut = [picture.convert("L" if model.channels == 1 else "RGB").crop(box) for picture, box in zip(pictures, boxes)]
    sized = [np.asarray(each.resize(model.image_size[::-1], Image.Resampling.BILINEAR)) for each in cut]
    images = np.stack(sized).reshape(len(rows), *model.image_size, model.channels)
    np.testing.assert_allclose(clean, model.predict_images(images), atol=1e-5)


def test_an_explanation_lies_on_the_whole_picture_and_is_nothing_outside_the_cut(run, manifest):
    path = manifest["path"][0]
    left, upper, right, lower = head_box(read_image(path))
    (heat,) = explanation.explain(run, [path], method="occlusion", show_progress=False, patch=0.5)
    assert heat.shape == (120, 130)
    outside = np.ones(heat.shape, bool)
    outside[upper:lower, left:right] = False
    assert not heat[outside].any()
    model = load_model(model_file(run))
    bare = as_predictor(model)
    if run.config["model"] == "CNN":
        bare.model.get_layer("size").crop = None
        (gradient,) = explanation.explain(run, [path], method="grad_cam", show_progress=False)
        part = read_image(path, crop="head")
        (expected,) = explanation.explain(bare.model, [part], method="grad_cam", show_progress=False)
        np.testing.assert_allclose(gradient[upper:lower, left:right], expected, atol=1e-5)
        assert explanation.layer_activations(run, [path], layers=["probabilities"])["probabilities"].shape == (1, 4)


def test_members_with_different_crops_make_no_ensemble():
    cut, whole = (build("PCA", crop=crop) for crop in ("head", None))
    assert Ensemble([cut, cut]).crop == "head" and Ensemble([whole, whole]).crop is None
    with pytest.raises(EvaluationError, match="whole images"):
        Ensemble([cut, whole])


def test_an_unknown_crop_is_refused_before_anything_is_done(tmp_path):
    for make in (lambda: build("CNN", crop="brain"), lambda: ImageDataGenerator(crop="brain")):
        with pytest.raises(CropError, match="'brain' is not known"):
            make()
    with pytest.raises(CropError, match="for files"):
        ImageDataGenerator(crop="head").flow(np.zeros((1, 8, 8, 1)))


@pytest.mark.parametrize("keep_aspect_ratio", [False, True])
def test_the_generator_cuts_files_before_it_resizes_them(manifest, keep_aspect_ratio):
    flow = ImageDataGenerator(crop="head").flow_from_dataframe(
        manifest, x_col="path", y_col="label", target_size=(24, 48), color_mode="grayscale", batch_size=4,
        shuffle=False, interpolation="bilinear", keep_aspect_ratio=keep_aspect_ratio,
    )  # fmt: skip
    part = Image.fromarray(read_image(manifest["path"][0], crop="head"))
    box = (0, 0, part.width, part.height)
    if keep_aspect_ratio:
        height = part.width * 24 // 48
        top = (part.height - height) // 2
        box = (0, top, part.width, top + height)
    expected = np.asarray(part.resize((48, 24), Image.Resampling.BILINEAR, box=box))
    np.testing.assert_allclose(flow[0][0][0, ..., 0], expected)
    with pytest.raises(ValueError, match="interpolation"):
        ImageDataGenerator(crop="head").flow_from_dataframe(
            manifest, x_col="path", y_col="label", interpolation="cubist"
        )


def different_heads(folder: Path) -> pd.DataFrame:
    """Writes twelve heads a class, each with a texture of its own, so that none is a near-duplicate of another."""
    generator, rows = np.random.default_rng(0), []
    for number, label in enumerate(CLASSES * 12):
        texture = Image.fromarray(generator.integers(60, 255, (9, 9)).astype(np.uint8))
        picture = Image.new("L", (130, 120))
        picture.paste(texture.resize((70, 80), Image.Resampling.BICUBIC), (20, 15))
        picture.save(folder / f"{number}.png")
        rows.append((str(folder / f"{number}.png"), label))
    return pd.DataFrame(rows, columns=["path", "label"])


def test_the_commands_take_it_and_going_on_keeps_it(tmp_path):
    table = tmp_path / "images.csv"
    different_heads(tmp_path).to_csv(table, index=False)
    out = tmp_path / "run"
    words = ("--model", "PCA", "--dataset", table, "--image-size", 24, "--crop", "head", "--no-baselines")
    answer = call("train", *words, "--protocol", "random", "--out", out)
    assert answer.exit_code == 0, answer.output
    assert Run(out).config["crop"] == "head"
    before = Run(out).predictions
    (out / "metrics.json").unlink()
    assert call("train", "--resume", out).exit_code == 0
    pd.testing.assert_frame_equal(Run(out).predictions, before)
    folds = tmp_path / "folds"
    answer = call("train", *words, "--protocol", "kfold", "--folds", 2, "--out", folds)
    assert answer.exit_code == 0, answer.output
    assert all(Run(folds / f"fold_{fold}").config["crop"] == "head" for fold in range(2))
    assert call("train", "--model", "PCA", "--dataset", table, "--crop", "brain").exit_code == 2
    assert Path(folds / "report.html").is_file()
