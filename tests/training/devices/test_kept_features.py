"""Kept features on several devices, on JAX and in several processes: the weights are those of one device."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from braintumor_tf.datasets import write_manifest
from tests.training.devices.test_several_devices import _assert_equal_runs, _finish, _python, needs_jax
from tests.training.toy import toy_manifest

KEPT = """
    from dataclasses import replace
    stages = lambda views: (Stage("head", 2, trains="head", warmup=0.0, views=views), Stage("rest", 1, 1e-3, trains=2))
    kept, images = (replace(preset, stages=stages(views)) for views in (2, 0))
"""
MIRRORED = """
    import tensorflow as tf
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    train("one", preset=kept)
    train("two", "all", preset=kept)
"""
ON_JAX = """
    train("jax_images", preset=images, dropout=0.5)
    train("jax_one", preset=kept, dropout=0.5)
    train("jax_two", "all", preset=kept, dropout=0.5)
"""
PROCESS = """
    number = int(sys.argv[3])
    join_processes(sys.argv[2], num_processes=2, process_id=number)
    train("processes", make=number == 0, preset=kept, dropout=0.5)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("devices")
    manifest = toy_manifest(path / "images")
    write_manifest(path / "toy.csv", manifest.drop(manifest.index[manifest["split"] == "train"][:13]))
    return path


def test_two_devices_keep_the_same_features_as_one(folder):
    _finish(_python(KEPT + MIRRORED, folder, KERAS_BACKEND="tensorflow"))
    _assert_equal_runs(folder / "two", folder / "one")


@needs_jax
def test_on_jax_too_the_weights_are_those_of_training_on_images_on_devices_and_processes(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = os.environ["XLA_FLAGS"] + " --xla_force_host_platform_device_count=2"
    _finish(_python(KEPT + ON_JAX, folder, KERAS_BACKEND="jax", XLA_FLAGS=flags))
    _finish(*(_python(KEPT + PROCESS, folder, address, number, KERAS_BACKEND="jax") for number in (0, 1)))
    for name in ("jax_one", "jax_two", "processes"):
        _assert_equal_runs(folder / name, folder / "jax_images")
