"""An exported model behind the interface of a predictor; an ONNX one needs neither TensorFlow nor Keras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from braintumor_tf.datasets.reading import LUMA
from braintumor_tf.errors import ModelError
from braintumor_tf.files import file_hash
from braintumor_tf.models.exported.contract import FEATURES, FORMATS, PROBABILITIES, Contract, read_contract
from braintumor_tf.models.exported.engines import Engine, open_engine
from braintumor_tf.models.image_fitting import check_images
from braintumor_tf.predictions_table import check_probabilities


class ExportedModel:
    """An exported model behind the interface that prediction uses for every kind of model.

    Args:
        contract: what it promises.
        engine: what runs its graph.

    Attributes:
        contract: as given.
        classes: class names in the order of the probabilities.
        image_size: ``(height, width)`` of the images that the graph takes.
        channels: 1 for grey images, 3 for RGB.
        crop: what images are cut down to before they are resized, or None.
    """

    def __init__(self, contract: Contract, engine: Engine):
        self.contract = contract
        self._engine = engine
        self.classes, self.image_size = contract.classes, contract.image_size
        self.channels, self.crop = contract.channels, contract.crop

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities, float32 of shape ``(images, classes)``, of images as `check_images` accepts them.

        Images of another size or other channels are fitted as the run's own model fits them.

        Raises:
            EvaluationError: the answers are no probabilities; the file is damaged.
            ImageInputError: the images do not fit.
        """
        return self.answers_with_features(images, batch_size=batch_size)[0]

    def answers_with_features(
        self, images: np.ndarray, *, batch_size: int = 64
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns probabilities, and the features that the gate asks about; None where the graph does not give them."""
        check_images(images)
        fitted = self.fit(images)
        parts = [self._engine(fitted[start : start + batch_size]) for start in range(0, len(fitted), batch_size)]
        probabilities = np.concatenate([part[PROBABILITIES] for part in parts]).astype(np.float32, copy=False)
        if self.contract.int8:  # LiteRT has them in steps of 1/256, which do not add up to 1
            probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
        check_probabilities(probabilities)
        if not self.contract.features:
            return probabilities, None
        return probabilities, np.concatenate([part[FEATURES] for part in parts]).astype(np.float32, copy=False)

    def fit(self, images: np.ndarray) -> np.ndarray:
        """Does to images of one size what the first two layers of the run's model do: channels and size.

        Args:
            images: shape ``(images, height, width, 1 | 3)``, cut down to `crop` already.

        Returns:
            float32 of shape ``(images, *image_size, channels)``, 0 to 255.
        """
        batch = np.ascontiguousarray(images, np.float32)
        if batch.shape[-1] == 3 and self.channels == 1:
            batch = batch @ np.array(LUMA, np.float32)[:, None]
        if batch.shape[1:3] != self.image_size:
            batch = np.stack([_resized(image, self.image_size) for image in batch])
        return np.repeat(batch, 3, axis=-1) if batch.shape[-1] < self.channels else batch


def load_exported(path: str | Path) -> ExportedModel:
    """Opens an exported model.

    Args:
        path: the file that it is opened by, beside its ``contract.json``.

    Raises:
        DamagedRun: the contract is damaged.
        ModelError: there is no contract, a file of the model is not the one that was exported, or the package that
            runs it is not installed.
    """
    path = Path(path)
    contract = read_contract(path.parent)
    if FORMATS[contract.format] != path.name:
        raise ModelError(f"{path.parent}: its contract is of {contract.format}, and it holds {path.name}; export again")
    if path.name not in contract.files:
        raise ModelError(f"{path.parent}: its contract does not name {path.name}; export again")
    for name, file in contract.files.items():
        place = path.parent / name
        if not place.is_file() or file_hash(place, "sha256") != file.sha256:
            raise ModelError(f"{place}: is not the file that was exported (see contract.json); export the run again")
    return ExportedModel(contract, open_engine(contract.format, path))


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    planes = [
        Image.fromarray(image[..., plane]).resize(size[::-1], Image.Resampling.BILINEAR)
        for plane in range(image.shape[-1])
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)
