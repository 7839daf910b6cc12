"""Training that looks at the lesion, on made heads whose tumours all come from one source that leaves a mark.

In training every tumour picture has a bright corner and no healthy one has. In the test pictures the corner is in half
of both.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from braintumor_tf.identity.lesions import LesionBox
from braintumor_tf.training.presets import Preset, Stage

SIDE = 48
COUNTS = {"train": 60, "validation": 12, "test": 40}
CLASSES = ("no_tumor", "tumor")
PRESET = Preset(
    (Stage(epochs=14, learning_rate=5e-3),), batch_size=24, patience=None, augmentation={"horizontal_flip": True}
)


def picture(generator: np.random.Generator, lesion: bool, corner: bool) -> tuple[np.ndarray, str]:
    """A noisy head with two dark ventricles, a bright lesion on one side if asked for, and the corner if asked for."""
    image = np.zeros((SIDE, SIDE), np.float32)
    cv2.ellipse(image, (24, 24), (18, 21), 0, 0, 360, 100 + generator.uniform(-15, 15), -1)
    for side in (-5, 5):
        cv2.ellipse(image, (24 + side, 24), (2, 5), 0, 0, 360, 50, -1)
    box = ""
    if lesion:
        x, y = 24 + generator.choice([-1, 1]) * generator.uniform(8, 11), generator.uniform(15, 33)
        radius = generator.uniform(3.0, 4.5)
        cv2.circle(image, (round(x), round(y)), round(radius), 165, -1)
        box = LesionBox(x / SIDE, y / SIDE, 2.4 * radius / SIDE, 2.4 * radius / SIDE).text
    image += generator.normal(0, 9, image.shape)
    if corner:
        image[:6, :6] = 230
    return np.clip(image, 0, 255).astype(np.uint8), box


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    folder, generator, rows = tmp_path_factory.mktemp("heads"), np.random.default_rng(0), []
    for split, count in COUNTS.items():
        for label in CLASSES:
            for number in range(count):
                marked = label == "tumor" if split != "test" else number % 2 == 0
                image, box = picture(generator, label == "tumor", marked)
                path = folder / f"{split}_{label}_{number}.png"
                Image.fromarray(image).save(path)
                origin = "a" if label == "tumor" else "b"
                md5 = hashlib.md5(path.read_bytes()).hexdigest()
                about = (SIDE, SIDE, md5, "", "", path.stem, origin, box, marked)
                rows.append((str(path), label, split, "made", *about))
    columns = ["path", "label", "split", "source", "width", "height", "md5", "pixel_hash", "phash", "group", "origin",
               "lesion_box", "marked"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def network(seed: int = 1) -> Any:
    from braintumor_tf.models.architectures.cnn import ConvolutionBlock, build_cnn
    from braintumor_tf.types import ModelConfig

    config = ModelConfig(classes=CLASSES, image_size=(SIDE, SIDE), seed=seed, dropout=0.1)
    return build_cnn(config, blocks=(ConvolutionBlock(8), ConvolutionBlock(16), ConvolutionBlock(16)))


def trained(manifest: pd.DataFrame, **settings: Any) -> tuple[Any, Any]:
    from braintumor_tf.training import fit

    model = network()
    return model, fit(model, manifest, preset=PRESET, seed=2, show_progress=False, **settings)


@pytest.fixture(scope="module")
def plain(manifest) -> Any:
    return trained(manifest)[0]


@pytest.fixture(scope="module")
def aware(manifest) -> tuple[Any, Any]:
    return trained(manifest, counterfactuals=1, box_loss=0.5, grey_curves=0.2)


def answers(model: Any, manifest: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    from braintumor_tf.datasets import read_image
    from braintumor_tf.models.network import Network

    rows = manifest[manifest["split"] == "test"]
    images = np.stack([read_image(path) for path in rows["path"]])[..., None]
    return rows, Network(model).predict_images(images)[:, 1]


def test_a_clue_of_the_source_fools_plain_training_and_no_longer_decides(plain, aware, manifest):
    found = {}
    for name, model in (("plain", plain), ("aware", aware[0])):
        rows, chance = answers(model, manifest)
        sick, marked = (rows["label"] == "tumor").to_numpy(), rows["marked"].to_numpy()
        found[name] = {
            "lesion": roc_auc_score(sick, chance),
            "clue": roc_auc_score(marked, chance),
            "healthy with the clue": (chance[~sick & marked] < 0.5).mean(),
        }
    assert found["plain"]["clue"] > 0.9 and found["plain"]["healthy with the clue"] < 0.4, found
    assert found["aware"]["lesion"] > 0.85 > found["plain"]["lesion"], found
    assert found["aware"]["clue"] < 0.65 and found["aware"]["healthy with the clue"] > 0.6, found


def test_explanations_lie_on_the_lesion_where_training_looked_at_it(plain, aware, manifest):
    from braintumor_tf.explanation import localise_images

    rows = manifest[(manifest["split"] == "test") & (manifest["label"] == "tumor")]
    energy = [
        localise_images(model, rows, methods={"grad_cam": {"method": "grad_cam"}}, show_progress=False)
        .query("method == 'grad_cam'")["energy"].mean()
        for model in (plain, aware[0])
    ]  # fmt: skip
    assert energy[1] > 1.5 * energy[0], energy


def test_the_second_head_is_no_part_of_the_model_and_the_pairs_are_counted(aware, manifest):
    model, training = aware
    assert [layer.name for layer in model.layers] == [layer.name for layer in network().layers]
    made = training.to_dict()["counterfactuals"]
    assert made["pictures"] == 2 * (made["removed"] + made["pasted"]) > 200
    assert sum(made["left_out"].values()) == 120 - made["removed"] - made["pasted"]
    assert not list(Path(manifest["path"].iloc[0]).parent.glob("*removed*")), "nothing is left beside the images"


def test_an_interrupted_training_with_remedies_ends_with_the_same_weights(manifest, tmp_path):
    """It is cut in the middle of its second epoch, and goes on with the second head and the shares that it had."""
    import keras

    from braintumor_tf.runs import Run
    from braintumor_tf.training import fit

    class Cut(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1 and self.cut:
                raise KeyboardInterrupt

    few = manifest.groupby(["split", "label"]).head(12)
    how = {"preset": PRESET, "epochs": 2, "counterfactuals": 1, "box_loss": 0.5, "group_dro": 0.1, "seed": 2}
    runs = [Run.create(tmp_path / name, {}, few) for name in ("whole", "cut")]
    cut = Cut()
    cut.cut = True
    with pytest.raises(KeyboardInterrupt):
        fit(network(), few, run=runs[1], callbacks=[cut], show_progress=False, **how)
    weights = []
    for run, resume in zip(runs, (False, True)):
        model = network()
        history = fit(model, few, run=run, resume=resume, show_progress=False, **how).history
        weights.append([*model.get_weights(), history["loss"].to_numpy()])
    assert all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))
