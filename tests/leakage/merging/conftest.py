"""Two small folders that share pictures, spell their classes differently and use the same file names."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import ImageOps

from tests.leakage.conftest import picture, save


@pytest.fixture
def two_folders(tmp_path) -> tuple[Path, Path]:
    """``one`` has five pictures and an official split; ``two`` has two of its own.

    In ``two`` are also a mirrored and larger copy of a glioma of ``one``, and another one of its gliomas as healthy.
    """
    one, two = tmp_path / "one", tmp_path / "two"
    for number, place in enumerate(
        ("Training/glioma_tumor", "Training/glioma_tumor", "Testing/glioma_tumor", "Training/normal", "Testing/normal")
    ):
        save(picture(number), one / place / f"{number}.png")
    save(picture(10), two / "glioma" / "0.png")
    save(picture(11), two / "notumor" / "3.png")
    save(ImageOps.mirror(picture(1).resize((200, 200))), two / "glioma" / "copy.png")
    save(picture(0), two / "notumor" / "wrong.png")
    (two / "glioma" / "broken.png").write_bytes(b"no picture")
    return one, two


def listing(folder: Path, numbers: range, *, name: str = "list.csv", **columns: object) -> Path:
    """Writes pictures that look nothing alike into a folder, glioma and no_tumor in turn, and their list."""
    rows = [{"path": save(picture(number), folder / f"{number}.png").name} for number in numbers]
    labels = [("glioma", "no_tumor")[number % 2] for number in numbers]
    pd.DataFrame(rows).assign(label=labels, **columns).to_csv(folder / name, index=False)
    return folder / name
