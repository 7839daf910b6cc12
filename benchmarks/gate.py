r"""What the gate of a run turns away: its own test images, other kinds of pictures, and other data sets.

    python benchmarks/gate.py models/RUN --outside navoneel=data/navoneel --outside br35h=data/br35h \
        --outside masoud=data/masoud/Testing --outside figshare=data/figshare

Test images that are turned away are false alarms. Altered ones (inverted, half black, made to look like CT) and the
photographs, microscope pictures and pages of scikit-image should all be turned away. Of other data sets nobody knows
what is right: the shares are reported by class. ``--split validation`` asks about validation images in the place of
test images, to choose settings by; nothing is written then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pandas as pd
from skimage import data

from braintumor_tf.datasets import head_mask, read_image
from braintumor_tf.experiments import image_paths, predict_files, predict_images
from braintumor_tf.files import write_json
from braintumor_tf.runs import Run, environment

RESULTS = Path(__file__).parent / "results" / "gate.json"
PHOTOGRAPHS = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel", "moon", "rocket")
OTHERS = ("clock", "horse", "hubble_deep_field", "logo", "page", "text")
TISSUE = ("immunohistochemistry", "retina", "cell")
DRAWN = 20


def grey(picture: np.ndarray) -> np.ndarray:
    """Returns a picture in grey, uint8."""
    picture = np.uint8(255 * picture) if picture.dtype == bool else picture[..., :3] if picture.ndim == 3 else picture
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture


def half_black(slice_: np.ndarray) -> np.ndarray:
    """Returns a slice without its right half."""
    found = slice_.copy()
    found[:, slice_.shape[1] // 2 :] = 0
    return found


def like_ct(slice_: np.ndarray) -> np.ndarray:
    """Returns a bright thin skull around a brain of nearly one grey, as CT shows a head."""
    mask = head_mask(slice_).astype(np.uint8)
    width = 2 * max(2, round(0.03 * max(slice_.shape))) + 1
    brain = cv2.erode(mask, np.ones((width, width)))
    noise = np.random.default_rng(0).normal(0, 4, slice_.shape)
    return np.clip(np.where(brain, 100 + noise, 250.0 * mask), 0, 255).astype(np.uint8)


ALTERED = {"inverted": lambda slice_: 255 - slice_, "half black": half_black, "like CT": like_ct}
"""What is made of slices."""


def pictures(names: Sequence[str]) -> list[np.ndarray]:
    """Returns pictures of scikit-image, without alpha."""
    found = [getattr(data, name)() for name in names]
    return [grey(each) if each.ndim == 2 else np.ascontiguousarray(each[..., :3]) for each in found]


def tiles(picture: np.ndarray, side: int = 200) -> list[np.ndarray]:
    """Cuts a picture into squares."""
    starts = [range(0, length - side + 1, side) for length in picture.shape[:2]]
    return [picture[top : top + side, left : left + side] for top in starts[0] for left in starts[1]]


def other_kinds() -> dict[str, list[np.ndarray]]:
    """Returns pictures that are no slices, by kind."""
    generator = np.random.default_rng(0)
    photographs, tissue = pictures(PHOTOGRAPHS), pictures(TISSUE)
    stained = tiles(data.immunohistochemistry()) + tissue
    return {
        "one grey level": [np.full((224, 224), level, np.uint8) for level in (0, 60, 128, 255)],
        "uniform noise": [generator.integers(0, 256, (224, 224), np.uint8) for _ in range(DRAWN)],
        "normal noise": [
            np.uint8(np.clip(generator.normal(100, 30, (224, 224, 3)), 0, 255)) for _ in range(DRAWN)
        ],
        "photographs": photographs,
        "photographs in grey": [grey(each) for each in photographs],
        "tissue and retina": stained,
        "tissue and retina in grey": [grey(each) for each in stained],
        "pages, drawings, stars": pictures(OTHERS),
    }  # fmt: skip


def warned(table: pd.DataFrame) -> dict[str, Any]:
    """Counts the pictures that are turned away."""
    count = int(table["gate"].map(len).gt(0).sum())
    return {"pictures": len(table), "warned": count, "share": count / max(len(table), 1)}


def outside(run: Run, folder: str, most: int, seed: int) -> dict[str, Any]:
    """Asks about images of another data set, by class folder; those of the run's training are counted, and left out."""
    files = pd.DataFrame({"path": image_paths([folder])})
    files["label"] = [Path(path).parent.name for path in files["path"]]
    drawn = files.sample(frac=1, random_state=seed).groupby("label").head(most)
    table = predict_files(run, drawn["path"], show_progress=False).assign(label=drawn["label"].to_numpy())
    known = table["training_image"] != ""
    new = table[~known & (table["error"] == "")]
    by_class = {str(label): warned(rows) for label, rows in new.groupby("label")}
    return {"pictures_of_training": int(known.sum()), "new": warned(new), "by_class": by_class}


def say(name: str, found: Mapping[str, Any]) -> None:
    """Prints one line of counts."""
    click.echo(f"{name}: {found['warned']} of {found['pictures']} warned ({100 * found['share']:.1f} %)")


@click.command()
@click.argument("run")
@click.option("--outside", "others", multiple=True, metavar="NAME=FOLDER", help="Another data set.")
@click.option("--most", default=300, show_default=True, help="Images of each class of another data set.")
@click.option("--altered", default=200, show_default=True, help="Slices that are altered.")
@click.option("--split", type=click.Choice(["test", "validation"]), default="test", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--out", default=RESULTS, type=click.Path(path_type=Path), show_default="results/gate.json")
def main(run: str, others: tuple[str, ...], most: int, altered: int, split: str, seed: int, out: Path) -> None:
    """Prints and writes what the gate of RUN turns away."""
    asked = Run.of(run)
    own = asked.manifest.query("split == @split")
    found: dict[str, Any] = {
        "own": {split: warned(predict_files(asked, own["path"], show_progress=False))},
        "caught": {},
        "outside": {},
    }
    say(f"own {split} images", found["own"][split])
    drawn = own["path"].sample(min(altered, len(own)), random_state=seed)
    slices = [read_image(path) for path in drawn]
    kinds = {name: [alter(each) for each in slices] for name, alter in ALTERED.items()} | other_kinds()
    for name, given in kinds.items():
        found["caught"][name] = warned(predict_images(asked, given))
        say(name, found["caught"][name])
    for name, folder in (each.split("=", 1) for each in others):
        found["outside"][name] = outside(asked, folder, most, seed)
        say(name, found["outside"][name]["new"])
        for label, rows in found["outside"][name]["by_class"].items():
            say(f"  {label}", rows)
    if split == "test":
        kept = {key: asked.config.get(key) for key in ("model", "image_size", "protocol", "seed")}
        kept["dataset"] = Path(asked.config["dataset"]).name
        write_json(out, {"run": kept, "most": most, "altered": altered, "environment": environment(), **found})


if __name__ == "__main__":
    main()
