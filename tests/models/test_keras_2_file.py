"""A file that Keras 2 itself has written: read, asked, explained.

``tests/data/keras_2.h5`` was saved by ``model.save`` of tf_keras 2.20.1 (Keras 2 as a package of its own), in the form
of TensorFlow's tutorial on transfer learning: random flips and rotations, ``mobilenet_v2.preprocess_input`` as calls of
TensorFlow functions, a network inside (batch normalisation, depthwise, separable and transposed convolutions) called
with ``training=False``, pooling, dropout and one sigmoid unit; drawn weights. `ANSWERS` are what tf_keras said.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from braintumor_tf.explanation import convolution_layers, explain
from braintumor_tf.models.wrapped.model_files import read_model
from braintumor_tf.models.wrapped.wrapping import wrap_model

FILE = Path(__file__).resolve().parents[1] / "data" / "keras_2.h5"
IMAGES = np.random.default_rng(1).integers(0, 256, (6, 32, 32, 3)).astype("uint8")
ANSWERS = (0.56713003, 0.55655003, 0.55408001, 0.55624998, 0.55905002, 0.55193001)


def test_a_file_of_keras_2_says_what_keras_2_said_and_is_explained_through_the_network_inside():
    before = FILE.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        predictor = wrap_model(read_model(FILE), classes=("no", "yes"), preprocess=None)
    np.testing.assert_allclose(predictor.predict_images(IMAGES)[:, 1], ANSWERS, atol=1e-4)
    assert predictor.classes == ("no_tumor", "tumor") and predictor.image_size == (32, 32)
    assert "separable_conv2d" in convolution_layers(predictor)
    maps = explain(predictor, IMAGES, method="grad_cam")
    assert maps.shape == (6, 32, 32) and len({heat.tobytes() for heat in maps}) == len(IMAGES)
    assert FILE.read_bytes() == before
