"""Targets that move with the image, and the losses beside the cross-entropy, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.augment.counterfactual import CounterfactualPairs
from braintumor_tf.errors import BrainTumorWarning, TrainingError
from braintumor_tf.training.presets import Preset
from braintumor_tf.training.remedies import images
from braintumor_tf.training.remedies.images import origin_class_weights
from braintumor_tf.training.settings import resolve_preset

SIDE = 64


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> pd.DataFrame:
    """Black pictures with a bright square, which is the lesion: in the box of three, unknown of one, none in one."""
    folder, made = tmp_path_factory.mktemp("squares"), []
    boxes = ["0.3 0.4 0.25 0.25", "0.6 0.6 0.375 0.25", "0.7 0.3 0.25 0.375", "", ""]
    for number, box in enumerate(boxes):
        image = np.zeros((SIDE, SIDE), np.uint8)
        x, y, width, height = (float(part) for part in (box or "0.5 0.5 0.25 0.25").split())
        left, top = round((x - width / 2) * SIDE), round((y - height / 2) * SIDE)
        image[top : top + round(height * SIDE), left : left + round(width * SIDE)] = 200
        Image.fromarray(image).save(folder / f"{number}.png")
        made.append((str(folder / f"{number}.png"), "no_tumor" if number == 4 else "glioma", "train", "made", box))
    return pd.DataFrame(made, columns=["path", "label", "split", "source", "lesion_box"])


def test_the_lesion_of_the_target_moves_with_the_image(rows):
    from braintumor_tf.augment import GaussianNoise, ImageDataGenerator
    from braintumor_tf.training.remedies.lesion_targets import TargetBatches, lesion_masks, lesions_known

    pose = {"rotation_range": 40, "width_shift_range": 0.1, "zoom_range": 0.2, "horizontal_flip": True}
    generator = ImageDataGenerator(**pose, brightness_range=(0.7, 1.0), noise=GaussianNoise(2), seed=1)
    flow = generator.flow_from_dataframe(
        rows, None, x_col="path", y_col="label", classes=["glioma", "no_tumor"], color_mode="grayscale",
        target_size=(SIDE, SIDE), class_mode="categorical", batch_size=3, seed=1,
    )  # fmt: skip
    masks = lesion_masks(rows, size=(SIDE, SIDE), crop=None)
    known = lesions_known(rows, masks)
    assert known.tolist() == [True, True, True, False, True]
    batches = TargetBatches(flow, flow, masks=masks, known=known, groups=np.arange(5), cells=(16, 16))
    seen = 0
    for epoch in range(4):
        flow.epoch = epoch
        for index in range(len(batches)):
            images, targets = batches[index]
            numbers = flow.order(epoch)[3 * index : 3 * index + 3]
            assert targets["group"].tolist() == numbers.tolist()
            assert targets["known"].tolist() == known[numbers].astype(float).tolist()
            for image, cells, number in zip(images[..., 0], targets["lesion"], numbers):
                if masks[number] is None:
                    assert not cells.any()
                    continue
                square = (image > 70).reshape(16, 4, 16, 4).mean(axis=(1, 3))
                assert np.abs(square - cells).mean() < 0.02, "the bright square of the image is the lesion"
                seen += 1
    assert seen == 12


def test_the_lesion_is_cut_as_the_image_is(rows, tmp_path):
    from braintumor_tf.training.remedies.lesion_targets import lesion_masks

    image = np.zeros((100, 100), np.uint8)
    image[20:80, 40:100] = 120
    Image.fromarray(image).save(tmp_path / "head.png")
    row = rows.iloc[:1].assign(path=str(tmp_path / "head.png"), lesion_box="0.7 0.5 0.3 0.3")
    whole, cut = (lesion_masks(row, size=(60, 60), crop=crop)[0] for crop in (None, "head"))
    assert whole.mean() == pytest.approx(0.09, abs=0.01) and cut.mean() == pytest.approx(0.25, abs=0.03)
    assert cut[30, 30] == 1 and cut[5, 30] == 0


def test_the_loss_of_the_second_head_is_that_of_numpy():
    from braintumor_tf.training.remedies.objective import lesion_loss

    generator = np.random.default_rng(0)
    cells = (generator.random((3, 4, 5)) * (generator.random((3, 4, 5)) > 0.6)).astype("float32")
    cells[1] = 0
    logits = generator.normal(0, 3, cells.shape).astype("float32")
    chance = 1 / (1 + np.exp(-logits.astype(float)))
    each = -(cells * np.log(chance) + (1 - cells) * np.log(1 - chance))
    image = [
        each[1].mean() if place == 1 else
        ((each[place] * cells[place]).sum() / cells[place].sum()
         + (each[place] * (1 - cells[place])).sum() / (1 - cells[place]).sum()) / 2
        for place in range(3)
    ]  # fmt: skip
    for known in ([1, 1, 1], [0, 1, 1]):
        wanted = np.average(image, weights=known)
        assert float(lesion_loss(cells, logits, np.array(known, "float32"))) == pytest.approx(wanted, rel=1e-4)
    assert float(lesion_loss(cells, logits, np.zeros(3, "float32"))) == 0


def test_the_shares_of_groups_follow_their_losses_as_in_the_paper():
    from braintumor_tf.training.remedies.objective import GroupShares

    shares, wanted = GroupShares(3, 0.5), np.full(3, 1 / 3)
    for losses, groups in (([1.0, 3.0, 2.0], [0, 0, 2]), ([4.0, 0.5, 0.1], [1, 0, 2])):
        means = np.array([np.mean([one for one, group in zip(losses, groups) if group == number] or [0])
                          for number in range(3)])  # fmt: skip
        wanted = wanted * np.exp(0.5 * means)
        wanted /= wanted.sum()
        found = float(shares.loss(np.array(losses, "float32"), np.array(groups)))
        assert found == pytest.approx(float(wanted @ means), rel=1e-5)
        np.testing.assert_allclose(np.asarray(shares.shares), wanted, rtol=1e-5)


def test_all_pairs_of_origin_and_class_weigh_alike():
    rows = pd.DataFrame(
        {
            "split": ["train"] * 9 + ["test"],
            "source": "s",
            "origin": ["a"] * 6 + ["b", "b", ""] + ["a"],
            "label": ["glioma"] * 4 + ["no_tumor"] * 2 + ["glioma", "glioma", "no_tumor", "glioma"],
        }
    )
    weights = origin_class_weights(rows)
    table = rows[:9].assign(weight=weights[:9]).groupby(["origin", "label"])["weight"].sum()
    np.testing.assert_allclose(table, 9 / 4)
    assert weights[9] == 1 and weights[:9].mean() == pytest.approx(1)


def test_images_that_are_in_no_pair_are_named(monkeypatch):
    left = pd.DataFrame({"path": ["a", "b", "c"], "reason": ["its lesion is not known"] * 2 + ["no room"]})
    kept = pd.DataFrame({"path": ["d", "e"], "label": ["glioma", "no_tumor"], "split": "train", "edit": ["", "removed"],
                         "base": "d"})  # fmt: skip
    monkeypatch.setattr(images, "make_pairs", lambda *_, **__: CounterfactualPairs(kept, left))
    rest = pd.DataFrame({"path": ["a", "v"], "label": "glioma", "split": ["train", "validation"]})
    words = r"3 of 4 training images .* left out \(2: its lesion is not known; 1: no room\)"
    with pytest.warns(BrainTumorWarning, match=words), images.training_images(rest, Preset(counterfactuals=1)) as found:
        assert found.manifest["path"].tolist() == ["d", "e", "v"], "the pairs take the place of the training images"
        assert found.pairs == {
            "pictures": 2,
            "as_it_is": 1,
            "removed": 1,
            "left_out": dict(left["reason"].value_counts()),
        }


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"counterfactuals": -1}, "counterfactuals must be a whole number"),
        ({"counterfactuals": 0.5}, "counterfactuals must be a whole number"),
        ({"grey_curves": 1.5}, "grey_curves must be a share"),
        ({"box_loss": -1.0}, "box_loss must be at least 0"),
        ({"balance": "origin"}, "balance must be one of origin_class"),
        ({"balance": "origin_class", "group_dro": 0.1}, "weigh the images already"),
        ({"balance": "origin_class", "class_weights": "balanced"}, "weigh the images already"),
        ({"group_dro": 0.1, "class_weights": "balanced"}, "weigh the images already"),
    ],
)
def test_settings_that_do_not_fit_are_refused(setting, words):
    with pytest.raises(TrainingError, match=words):
        resolve_preset("scratch", **setting)
