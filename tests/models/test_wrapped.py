"""Models from elsewhere: the answers stay theirs, whatever they end with; their files run nothing."""

from __future__ import annotations

import json
import warnings
import zipfile
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest

from braintumor_tf.datasets import read_image
from braintumor_tf.errors import BrainTumorWarning, ModelError
from braintumor_tf.models import build, load_model, weights_directory
from braintumor_tf.models.network import Network
from braintumor_tf.models.wrapped.model_files import read_model
from braintumor_tf.models.wrapped.pixel_scaling import KERAS_APPLICATIONS, PixelScaling, parse_preprocess
from braintumor_tf.models.wrapped.wrapping import wrap_model
from braintumor_tf.types import Predictor
from tests.models.wrapped_models import SIDE, classifier, save_as_keras_2, softmax, with_drawn_weights

IMAGES = np.random.default_rng(1).integers(0, 256, (6, SIDE, SIDE, 3)).astype("uint8")
FOUR = ("a", "b", "c", "d")


def answers(model: keras.Model) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(IMAGES.astype("float32"), training=False)).astype(float)


def said_by(predictor: Network) -> np.ndarray:
    """The probabilities, without what `predict` compiles."""
    return answers(predictor.model)


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def wrapped(model: keras.Model, classes=FOUR, preprocess=None, **settings) -> Network:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BrainTumorWarning)
        return wrap_model(model, classes=classes, preprocess=preprocess, **settings)


def dense(units: int, activation: str | None = None):
    return keras.layers.Dense(units, activation=activation, name="answer")


ENDS = {
    "softmax": (dense(4, "softmax"), lambda found: found, ""),
    "activation": (
        lambda x: keras.layers.Activation("softmax")(dense(4)(x)),
        lambda found: found,
        "",
    ),
    "softmax_of_a_pooled_map": (
        lambda x: keras.layers.Softmax()(
            keras.layers.Reshape((4,))(keras.layers.Conv2D(4, 1)(keras.layers.Reshape((1, 1, 8))(x)))
        ),
        lambda found: found,
        "",
    ),
    "logits": (
        dense(4),
        lambda found: np.exp(found) / np.exp(found).sum(axis=1, keepdims=True),
        "logits: a softmax is added",
    ),
    "logits_by_value": (
        lambda x: keras.ops.multiply(dense(4)(x), 3.0),
        lambda found: np.exp(found) / np.exp(found).sum(axis=1, keepdims=True),
        "outside 0 to 1",
    ),
    "probabilities_by_value": (lambda x: keras.ops.softmax(dense(4)(x)), lambda found: found, ""),
    "sigmoid_units": (
        dense(4, "sigmoid"),
        lambda found: found / found.sum(axis=1, keepdims=True),
        "divided by their sum",
    ),
}
ONE = {
    "sigmoid": (dense(1, "sigmoid"), lambda found: found, ""),
    "sigmoid_activation": (lambda x: keras.layers.Activation("sigmoid")(dense(1)(x)), lambda found: found, ""),
    "logit": (dense(1), sigmoid, "a sigmoid is added"),
    "sigmoid_by_value": (lambda x: keras.ops.sigmoid(dense(1)(x)), lambda found: found, ""),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_probabilities_are_those_of_the_model_whatever_it_ends_with(name):
    end, meaning, note = ENDS[name]
    model = classifier(end)
    expected = meaning(answers(model))
    assert np.ptp(expected, axis=0).max() > 0.01, "the answers must differ for this test to see anything"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        predictor = wrap_model(model, classes=FOUR, preprocess=None)
    np.testing.assert_allclose(said_by(predictor), expected, atol=1e-5)
    notes = [str(one.message) for one in said if issubclass(one.category, BrainTumorWarning)]
    assert len(notes) == bool(note) and all(note in one for one in notes), notes
    assert isinstance(predictor, Predictor) and predictor.classes == FOUR and predictor.channels == 3


@pytest.mark.parametrize("name", ONE)
def test_one_unit_is_the_probability_of_the_second_class(name):
    end, meaning, _ = ONE[name]
    model = classifier(end)
    second = meaning(answers(model))[:, 0]
    found = wrapped(model, ("no", "yes"))
    assert found.classes == ("no_tumor", "tumor")
    np.testing.assert_allclose(said_by(found), np.stack([1 - second, second], axis=1), atol=1e-5)


def test_a_network_inside_becomes_layers_of_one_flat_network_that_explains_as_the_flat_one_does():
    from braintumor_tf.explanation import convolution_layers, explain

    nested = classifier(softmax(4), nested=True)
    flat = classifier(softmax(4), nested=False)
    flat.set_weights(nested.get_weights())
    one, other = (wrapped(model) for model in (nested, flat))
    assert [type(layer) for layer in one.model.layers] == [type(layer) for layer in other.model.layers]
    assert convolution_layers(one) == ["first", "depthwise", "separable"]
    before = nested.get_layer("backbone").get_weights()
    maps = [explain(each, IMAGES, method="grad_cam", layer="norm") for each in (one, other)]
    np.testing.assert_allclose(*maps, atol=1e-5)
    assert maps[0].max() == 1.0 and len({heat.tobytes() for heat in maps[0]}) == len(IMAGES)
    assert explain(one, IMAGES[:1], method="occlusion", patch=0.5).shape == (1, SIDE, SIDE)
    for array, same in zip(before, nested.get_layer("backbone").get_weights()):
        np.testing.assert_array_equal(array, same)


def test_grad_cam_is_the_gradient_of_the_score_by_the_map_inside_the_backbone():
    import tensorflow as tf

    from braintumor_tf.explanation import explain

    model = classifier(dense(4), nested=True)
    inside = model.get_layer("backbone")
    rest = model.layers[4:]
    image = tf.constant(IMAGES[:1].astype("float32") / 127.5 - 1)
    with tf.GradientTape() as tape:
        features = inside(image, training=False)
        tape.watch(features)
        scores = features
        for layer in rest:
            scores = layer(scores, training=False) if layer.name == "dropout" else layer(scores)
        score = scores[0, 2]
    gradient = tape.gradient(score, features).numpy()[0]
    coarse = np.maximum((features.numpy()[0] * gradient.mean(axis=(0, 1))).sum(axis=-1), 0)
    found = explain(wrapped(model), IMAGES[:1], method="grad_cam", target="c")[0]
    peak = np.unravel_index(coarse.argmax(), coarse.shape)
    place = np.unravel_index(found.argmax(), found.shape)
    assert max(abs(place[axis] / 2 - peak[axis]) for axis in (0, 1)) <= 1


def test_a_wrapped_network_is_kept_and_loaded_like_one_of_the_package(tmp_path):
    predictor = wrapped(classifier(dense(1, "sigmoid")), ("no", "yes"), crop="head")
    predictor.model.save(tmp_path / "model.keras")
    loaded = Network(load_model(tmp_path / "model.keras"))
    np.testing.assert_allclose(loaded.predict_images(IMAGES), predictor.predict_images(IMAGES), atol=1e-6)
    assert (loaded.classes, loaded.crop, loaded.image_size) == (("no_tumor", "tumor"), "head", (SIDE, SIDE))


def test_grey_models_and_images_of_other_sizes_are_fitted_as_those_of_the_package():
    model = classifier(softmax(4), channels=1)
    predictor = wrapped(model)
    assert predictor.channels == 1
    ours = Network(build("CNN", image_size=SIDE, seed=0))
    colour = np.random.default_rng(2).integers(0, 256, (3, 50, 41, 3)).astype("uint8")
    expected = keras.ops.convert_to_numpy(model(ours.fit(colour), training=False))
    np.testing.assert_allclose(predictor.predict_images(colour), expected, atol=1e-5)


def test_a_function_gets_float_pixels_of_one_size_and_does_the_same_as_the_layers():
    from braintumor_tf.explanation import explain

    model = with_drawn_weights(
        keras.Sequential(
            [
                keras.Input((SIDE, SIDE, 3)),
                keras.layers.Conv2D(4, 3, activation="relu"),
                keras.layers.Flatten(),
                keras.layers.Dense(4, activation="softmax"),
            ]
        )
    )
    given = []

    def function(images: np.ndarray) -> np.ndarray:
        given.append((images.dtype, images.shape[1:], float(images.max())))
        return images / 255 - 0.5

    one, other = wrapped(model, preprocess=function), wrapped(model, preprocess=(1 / 255, -0.5))
    pixels = np.random.default_rng(3).integers(0, 256, (3, 50, 40, 1)).astype("uint8")
    np.testing.assert_allclose(one.predict_images(pixels), other.predict_images(pixels), atol=1e-5)
    np.testing.assert_allclose(explain(one, pixels), explain(other, pixels), atol=1e-4)
    assert {(dtype, shape) for dtype, shape, _ in given} == {(np.dtype("float32"), (SIDE, SIDE, 3))}
    assert all(100 < highest <= 255 for *_, highest in given)
    with pytest.raises(ModelError, match="must return as many images of the same size"):
        wrapped(model, preprocess=lambda images: images[:, :8])


@pytest.mark.parametrize("name", KERAS_APPLICATIONS)
def test_a_name_does_what_preprocess_input_of_that_module_does(name):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3)).astype("float32")
    expected = import_module(f"keras.applications.{name}").preprocess_input(pixels.copy())
    scaling = PixelScaling.of(name)
    np.testing.assert_allclose(scaling.applied(pixels), expected, atol=1e-3)
    image = keras.Input((3, 4, 3))
    np.testing.assert_allclose(keras.Model(image, scaling.layers_on(image))(pixels), expected, atol=1e-3)


def test_every_module_of_keras_applications_with_a_preprocessing_is_known():
    folder = Path(keras.applications.__file__).parent
    modules = [path.parent.name for path in folder.glob("*/__init__.py")]
    assert {name for name in modules if hasattr(import_module(f"keras.applications.{name}"), "preprocess_input")} - {
        "imagenet_utils"
    } == set(KERAS_APPLICATIONS)


def test_words_for_the_preprocessing():
    assert parse_preprocess("none") is None
    assert parse_preprocess("1/255, 0") == (1 / 255, 0.0)
    assert parse_preprocess("MobileNetV2") == "mobilenet_v2"
    for wrong in ("mobilenet", "none"):
        assert parse_preprocess(wrong) in ("mobilenet", None)
    for wrong, text in (("resnet51", "not known"), ("a,b", "no scale and offset"), ("1/0,1", "no scale and offset")):
        with pytest.raises(ModelError, match=text):
            parse_preprocess(wrong)
    with pytest.raises(ModelError, match="no scale is 0"):
        PixelScaling.of((0, 1))


def test_what_does_not_fit_is_refused_in_one_line():
    model = classifier(softmax(4))
    cases = [
        (lambda: wrapped(model, ("a", "b")), "answers with 4 numbers and 2 classes"),
        (lambda: wrapped(classifier(dense(1, "sigmoid")), FOUR), "one number, which tells two classes apart"),
        (lambda: wrapped(model, ("yes", "tumor", "c", "d")), "the same class here"),
        (lambda: wrapped(model, image_size=64), f"takes images of height {SIDE}, not 64"),
        (lambda: wrapped(model, channels=1), "takes images of channels 3, not 1"),
        (lambda: wrapped(build("CNN", image_size=32)), "was built by this package"),
        (lambda: wrapped(classifier(dense(4, "relu"))), "the activation relu and 4 units"),
        (lambda: wrapped(classifier(dense(1, "softmax")), ("a", "b")), "the activation softmax and 1 unit"),
        (lambda: wrapped(classifier(softmax(4), channels=1), preprocess="vgg16"), "takes grey images"),
        (lambda: wrapped(keras.Sequential([keras.layers.Dense(4)])), "does not say its height"),
        (lambda: wrapped(keras.Sequential([keras.Input((9,)), keras.layers.Dense(4)])), "no images"),
    ]
    for call, text in cases:
        with pytest.raises(ModelError, match=text) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("operations", [False, True])
def test_a_file_of_keras_2_is_read_and_says_what_the_model_said(operations, tmp_path):
    model = classifier(softmax(4))
    path = save_as_keras_2(model, tmp_path / "theirs.h5", operations=operations)
    before = path.read_bytes()
    with pytest.raises((ValueError, TypeError)):
        keras.saving.load_model(path, compile=False)
    predictor = wrapped(read_model(path))
    np.testing.assert_allclose(said_by(predictor), answers(model), atol=1e-5)
    assert path.read_bytes() == before
    predictor.model.save(tmp_path / "model.keras")
    again = said_by(Network(load_model(tmp_path / "model.keras")))
    np.testing.assert_allclose(again, answers(model), atol=1e-5)


def test_files_that_hold_code_or_no_model_are_refused_before_anything_is_loaded(tmp_path):
    image, code = keras.Input((SIDE, SIDE, 3)), keras.layers.Lambda(lambda x: x / 255, name="mine")
    answer = keras.layers.Dense(4, activation="softmax")(keras.layers.GlobalAveragePooling2D()(code(image)))
    for suffix in ("keras", "h5"):
        keras.Model(image, answer).save(tmp_path / f"code.{suffix}")
        with pytest.raises(ModelError, match="layer 'mine' is a Lambda, which holds code"):
            read_model(tmp_path / f"code.{suffix}")
    classifier(softmax(4)).save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as old, zipfile.ZipFile(tmp_path / "os.keras", "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry == "config.json":
                config = json.loads(content)
                config["config"]["layers"][1] |= {"module": "antigravity", "class_name": "Anything"}
                content = json.dumps(config).encode()
            new.writestr(entry, content)
    with pytest.raises(ModelError, match="class antigravity.Anything, and no module that a file names is imported"):
        read_model(tmp_path / "os.keras")
    classifier(softmax(4)).save_weights(tmp_path / "only.weights.h5")
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n")
    (tmp_path / "saved_model").mkdir()
    for name, text in (
        ("only.weights.h5", "weights without a model"),
        ("broken.h5", "damaged, or no model file"),
        ("saved_model", "is a folder"),
        ("model.onnx", "not a model file of Keras"),
        ("absent.h5", "no such file"),
    ):
        with pytest.raises(ModelError, match=text):
            read_model(tmp_path / name)


def test_a_layer_used_twice_and_a_class_without_a_graph_keep_their_answers():
    from braintumor_tf.explanation import explain

    image, shared = keras.Input((SIDE, SIDE, 3)), keras.layers.Conv2D(3, 3, padding="same", activation="tanh")
    twice = keras.layers.Lambda(lambda x: x * 2)(shared(shared(keras.layers.Rescaling(1 / 255)(image))))
    model = with_drawn_weights(keras.Model(image, keras.layers.Dense(4, "softmax")(keras.layers.Flatten()(twice))))
    predictor = wrapped(model)
    np.testing.assert_allclose(said_by(predictor), answers(model), atol=1e-5)
    assert explain(predictor, IMAGES).shape == (6, SIDE, SIDE)

    class Theirs(keras.Model):
        def __init__(self):
            super().__init__()
            self.scale, self.flat = keras.layers.Rescaling(1 / 255), keras.layers.Flatten()
            self.last = keras.layers.Dense(4, activation="softmax")

        def call(self, inputs):
            return self.last(self.flat(self.scale(inputs)))

    theirs = Theirs()
    predictor = wrapped(theirs, image_size=SIDE, channels=3)
    np.testing.assert_allclose(said_by(predictor), answers(theirs), atol=1e-5)
    assert explain(predictor, IMAGES[:1], patch=0.5).shape == (1, SIDE, SIDE)
    with pytest.raises(ModelError, match="give image_size and channels"):
        wrapped(Theirs())


def test_statistics_of_a_normalisation_inside_are_those_that_it_computes_with():
    scale = keras.layers.Normalization(axis=-1)
    scale.adapt(IMAGES.astype("float32"))
    image = keras.Input((SIDE, SIDE, 3))
    inside = keras.Model(image, keras.layers.Conv2D(4, 3)(scale(image)), name="inside")
    whole = keras.Input((SIDE, SIDE, 3))
    pooled = keras.layers.GlobalMaxPooling2D()(inside(whole))
    model = keras.Model(whole, keras.layers.Dense(4, activation="softmax")(pooled))
    np.testing.assert_allclose(said_by(wrapped(model)), answers(model), atol=1e-5)


@pytest.mark.real_data
def test_published_weights_alone_are_no_model_and_a_network_made_of_them_says_the_same_wrapped(real_data):
    path = weights_directory() / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with pytest.raises(ModelError, match="weights without a model"):
        read_model(path)
    inside = keras.applications.MobileNetV2(
        input_shape=(224, 224, 3), alpha=0.35, include_top=False, weights=path, pooling="avg"
    )
    last = keras.layers.Dense(4, activation="softmax", kernel_initializer=keras.initializers.RandomNormal(seed=0))
    model = keras.Sequential([keras.Input((224, 224, 3)), inside, last])
    files = sorted((real_data / "sartaj").rglob("*.jpg"))[:3]
    pixels = np.stack([read_image(file, size=(224, 224), grey=False) for file in files])
    expected = model.predict(keras.applications.mobilenet_v2.preprocess_input(pixels.astype("float32")), verbose=0)
    assert np.ptp(expected, axis=0).max() > 0.001
    found = wrapped(model, preprocess="mobilenet_v2").predict_images(pixels)
    np.testing.assert_allclose(found, expected, atol=1e-4)
