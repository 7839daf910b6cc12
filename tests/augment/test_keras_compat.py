"""One file takes what is private to Keras, and gives our methods the arguments of Keras's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import braintumor_tf
from braintumor_tf.augment import GaussianNoise, ImageDataGenerator
from braintumor_tf.augment.keras_compat import arguments_of

PACKAGE = Path(braintumor_tf.__file__).parent
PRIVATE = re.compile(r"^\s*(from|import) keras\.src", re.MULTILINE)


def test_one_file_imports_from_keras_private_modules() -> None:
    files = {path.name for path in PACKAGE.rglob("*.py") if PRIVATE.search(path.read_text(encoding="utf-8"))}
    assert files == {"keras_compat.py"}


def test_arguments_come_by_name_with_the_defaults_of_the_original() -> None:
    def original(self: Any, first: int, second: int = 2, **kwargs: Any) -> None: ...

    @arguments_of(original)
    def method(self: Any, **arguments: Any) -> dict[str, Any]:
        return arguments

    assert method("self", 1) == {"first": 1, "second": 2}
    assert method("self", 1, 3, extra=4) == {"first": 1, "second": 3, "extra": 4}
    with pytest.raises(TypeError, match="first"):
        method("self")


def test_settings_that_change_after_an_iterator_is_made_count_from_then_on() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype(np.uint8)
    generator = ImageDataGenerator(noise=GaussianNoise(20), seed=0)
    batches = generator.flow(images, shuffle=False)
    assert not np.array_equal(batches[0], images)
    generator.noise, generator.rescale = None, 0.5
    assert np.array_equal(batches[0], images.astype(np.float32) / 2)
    generator.preprocessing_function = lambda image: image + 2
    assert np.array_equal(batches[0], (images.astype(np.float32) + 2) / 2)
