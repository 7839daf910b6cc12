"""One synthetic slice: its format, its anatomy, and how it changes from neighbour to neighbour."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.datasets.synthetic import draw_slice, render_slice, sample_patient
from braintumor_tf.datasets.synthetic.acquisition import PLANES, slice_points
from braintumor_tf.datasets.synthetic.geometry import Ellipsoid, Points, Tube, coverage, paint, stamp
from braintumor_tf.datasets.synthetic.mri.brain import find_hulls
from braintumor_tf.datasets.synthetic.mri.head import head_outline
from braintumor_tf.datasets.synthetic.mri.lesions import SELLA, lesion_distance
from braintumor_tf.datasets.synthetic.mri.patients import bend
from braintumor_tf.errors import DatasetError

TUMOURS = ("glioma", "meningioma", "pituitary")
SIZE = 96


def patient_of(label: str, plane: str, seed: int = 0):
    return sample_patient(label, plane, np.random.default_rng([seed, PLANES.index(plane)]), image_size=SIZE)


def anatomy_of(patient):
    points = bend(slice_points(patient.scanner, patient.plane, patient.lesion.centre, 0.0), patient)
    hulls = find_hulls(points)
    inside = lesion_distance(points, patient.lesion, hulls, patient.texture) < 0
    return points, hulls, inside


def similarity(first: np.ndarray, second: np.ndarray) -> float:
    small = [cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA).ravel() for image in (first, second)]
    return float(np.corrcoef(small)[0, 1])


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("label", CLASSES)
def test_slice_has_the_stated_format(label, plane):
    image, mask = render_slice(label, plane, seed=1, image_size=SIZE)
    assert image.dtype == np.uint8 and image.shape == (SIZE, SIZE)
    assert mask.dtype == bool and mask.shape == image.shape
    assert mask.any() == (label != "no_tumor")
    assert image.max() > 100 and np.median(image[:4]) < 30  # a head on black


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("label", TUMOURS)
@pytest.mark.parametrize("seed", range(3))
def test_tumour_is_inside_the_head(label, plane, seed):
    patient = patient_of(label, plane, seed)
    points, _, inside = anatomy_of(patient)
    assert head_outline(points, patient.surround)[inside].max() < -3


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("seed", range(4))
def test_glioma_is_in_the_brain_with_a_bright_ring_around_a_dark_core(plane, seed):
    patient = patient_of("glioma", plane, seed)
    _, hulls, inside = anatomy_of(patient)
    assert hulls.cerebrum[inside].max() <= -2.9
    image, mask = draw_slice(patient, 0.0)
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    rim, core = image[mask & (depth < 2.5)], image[depth > 0.7 * depth.max()]
    assert np.median(rim) > 1.5 * np.median(core)


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("seed", range(4))
def test_meningioma_sits_on_the_dura_and_is_evenly_bright(plane, seed):
    patient = patient_of("meningioma", plane, seed)
    points, hulls, inside = anatomy_of(patient)
    to_dura = np.abs(hulls.cranial_cavity)
    if patient.lesion.falx_side:
        to_dura = np.minimum(to_dura, np.abs(points.x))
    base = (to_dura < 3.5) & inside
    assert hulls.cranial_cavity[inside].max() < 0
    assert base.sum() >= 4  # a base, not a point
    image, mask = draw_slice(patient, 0.0)
    kernel = np.ones((3, 3), np.uint8)
    body = image[cv2.erode(mask.astype(np.uint8), kernel) > 0].astype(float)
    assert body.std() < 0.15 * body.mean()
    assert body.mean() > 1.3 * np.median(image[image > 40])


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("seed", range(4))
def test_pituitary_tumour_is_at_the_sella(plane, seed):
    points, _, inside = anatomy_of(patient_of("pituitary", plane, seed))
    centre = [float(axis[inside].mean()) for axis in (points.x, points.y, points.z)]
    assert np.hypot(centre[0] - SELLA[0], centre[1] - SELLA[1]) < 6
    assert -4 < centre[2] - SELLA[2] < 10


@settings(max_examples=8, deadline=None)
@given(label=st.sampled_from(CLASSES), plane=st.sampled_from(PLANES), seed=st.integers(0, 1000))
def test_neighbours_are_nearer_than_strangers(label, plane, seed):
    here, neighbour = (
        render_slice(label, plane, seed=seed, position=position, image_size=SIZE)[0] for position in (0.0, 1.3)
    )
    stranger = render_slice(label, plane, seed=seed + 1, position=0.0, image_size=SIZE)[0]
    assert similarity(here, neighbour) > 0.9
    assert similarity(here, neighbour) > similarity(here, stranger) + 0.03


def test_same_seed_gives_the_same_slice_and_another_seed_another():
    first, again, other = (
        render_slice("glioma", "axial", seed=seed, position=0.0, image_size=SIZE)[0] for seed in (4, 4, 5)
    )
    assert np.array_equal(first, again)
    assert similarity(first, other) < 0.97


def test_slice_far_from_the_tumour_has_an_empty_mask():
    assert not render_slice("glioma", "axial", seed=0, position=60.0, image_size=SIZE)[1].any()


@pytest.mark.parametrize(("label", "plane"), [("tumor", "axial"), ("glioma", "oblique")])
def test_unknown_class_or_plane_is_refused(label, plane):
    with pytest.raises(DatasetError, match="known are"):
        render_slice(label, plane)


@pytest.mark.parametrize(
    "shape", [Ellipsoid((5, -3, 0), (9, 6, 7)), Tube(((-12, 0, 0, 3), (4, 6, 0, 5), (9, -8, 2, 1)))]
)
def test_stamp_paints_what_painting_the_whole_slice_would(shape):
    x, y = np.meshgrid(np.linspace(-40, 40, 81, dtype=np.float32), np.linspace(-30, 30, 61, dtype=np.float32))
    points = Points(x, y, np.zeros_like(x))
    stamped, painted = np.zeros((2, *points.shape), np.float32)
    stamp(stamped, points, shape, 0.8, grow=1.0)
    paint(painted, coverage(shape.distance(points) - 1.0, 1.5), 0.8)
    assert painted.max() > 0.7
    np.testing.assert_allclose(stamped, painted, atol=1e-6)


def test_sphere_distance_is_exact():
    x = np.linspace(-20, 20, 41, dtype=np.float32)[None]
    points = Points(x, np.zeros_like(x), np.zeros_like(x))
    distance = Ellipsoid((0, 0, 0), (7, 7, 7)).distance(points)
    np.testing.assert_allclose(distance[np.abs(x) > 0], np.abs(x)[np.abs(x) > 0] - 7, atol=1e-3)
