"""What is done to an image so that its copy is looked for: what augmentation recipes and remixes do."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Alteration = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    height, width = image.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    return cv2.warpAffine(image, matrix, (width, height))


def cropped(image: np.ndarray, share: float) -> np.ndarray:
    down, across = round(image.shape[0] * share), round(image.shape[1] * share)
    return image[down : image.shape[0] - down, across : image.shape[1] - across]


def border_removed(image: np.ndarray) -> np.ndarray:
    bright = image > 12
    rows, columns = np.flatnonzero(bright.mean(1) > 0.02), np.flatnonzero(bright.mean(0) > 0.02)
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) and len(columns) else image


def padded(image: np.ndarray, share: float) -> np.ndarray:
    down, across = round(image.shape[0] * share), round(image.shape[1] * share)
    return np.pad(image, ((down, down), (across, across)))


def shifted(image: np.ndarray, share: float) -> np.ndarray:
    height, width = image.shape
    return cv2.warpAffine(image, np.array([[1, 0, share * width], [0, 1, share * height]]), (width, height))


def scaled(image: np.ndarray, gain: float, offset: float = 0.0) -> np.ndarray:
    return np.clip(image * gain + offset, 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)


def halved(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def keras_recipe(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the stock ImageDataGenerator makes with the settings that public notebooks share."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    recipe = ImageDataGenerator(
        rotation_range=10,
        width_shift_range=0.1,
        height_shift_range=0.1,
        shear_range=0.1,
        brightness_range=(0.3, 1.0),
        horizontal_flip=True,
        vertical_flip=True,
    )
    return recipe.random_transform(image[:, :, None].astype(np.float32), seed=int(rng.integers(2**31)))[:, :, 0].astype(
        np.uint8
    )


ALTERATIONS: dict[str, tuple[float, Alteration]] = {
    "mirrored": (1.0, lambda image, rng: image[:, ::-1]),
    "upside down": (1.0, lambda image, rng: image[::-1]),
    "turned 90": (1.0, lambda image, rng: np.rot90(image, -1)),
    "turned 180": (1.0, lambda image, rng: np.rot90(image, 2)),
    "turned 270": (1.0, lambda image, rng: np.rot90(image)),
    "JPEG 30": (1.0, lambda image, rng: jpeg(image, 30)),
    "half the size": (1.0, lambda image, rng: halved(image)),
    "150 x 150": (1.0, lambda image, rng: cv2.resize(image, (150, 150), interpolation=cv2.INTER_AREA)),
    "brighter": (1.0, lambda image, rng: scaled(image, 1.3, 10)),
    "less contrast": (1.0, lambda image, rng: scaled(image, 0.6, 40)),
    "noise of 12": (1.0, lambda image, rng: scaled(image + rng.normal(0, 12, image.shape), 1)),
    "cropped 2 %": (0.99, lambda image, rng: cropped(image, 0.02)),
    "cropped 5 %": (0.97, lambda image, rng: cropped(image, 0.05)),
    "cropped 10 %": (0.90, lambda image, rng: cropped(image, 0.10)),
    "border removed": (0.97, lambda image, rng: border_removed(image)),
    "padded 10 %": (0.97, lambda image, rng: padded(image, 0.10)),
    "shifted 5 %": (0.97, lambda image, rng: shifted(image, 0.05)),
    "turned by 2": (0.99, lambda image, rng: turned(image, 2)),
    "turned by 5": (0.98, lambda image, rng: turned(image, 5)),
    "turned by 10": (0.95, lambda image, rng: turned(image, -10)),
    "turned by 15": (0.90, lambda image, rng: turned(image, 15)),
    "equalised": (0.95, lambda image, rng: cv2.equalizeHist(np.ascontiguousarray(image))),
    "inverted": (0.95, lambda image, rng: 255 - image),
    "mirrored, cropped 5 %": (0.95, lambda image, rng: cropped(image[:, ::-1], 0.05)),
    "turned 90 and by 7": (0.95, lambda image, rng: turned(np.rot90(image), 7)),
    "Keras recipe": (0.90, keras_recipe),
}
"""The target share that is found, and what is done to an image."""
