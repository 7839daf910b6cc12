"""The same seed gives the same batches, whatever the workers and the order; epochs differ; draws can be replayed."""

from __future__ import annotations

import tracemalloc
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braintumor_tf.augment import GaussianNoise, ImageDataGenerator, MotionBlur, RandomNoise, SaltAndPepperNoise
from braintumor_tf.augment.batch_memory import BatchMemory
from braintumor_tf.augment.worker_threads import for_each
from tests.augment.conftest import smooth_image

CHANGES: dict[str, Any] = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "brightness_range": (0.7, 1.3),
    "channel_shift_range": 10.0,
    "noise": RandomNoise([GaussianNoise(), SaltAndPepperNoise(), MotionBlur()], probability=0.8),
}


def make(folder: Path, seed: int | None = 3, **arguments: Any) -> Any:
    generator = ImageDataGenerator(**{**CHANGES, **arguments})
    return generator.flow_from_directory(str(folder), (24, 20), batch_size=4, seed=seed)


def epoch_of(flow: Any, epoch: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [tuple(part.copy() for part in flow.batch(index, epoch)) for index in range(len(flow))]


def equal(first: list, second: list) -> bool:
    return all(
        np.array_equal(a, b) for one, other in zip(first, second, strict=True) for a, b in zip(one, other, strict=True)
    )


@pytest.fixture(scope="module")
def expected(folder: Path) -> dict[int, list]:
    flow = make(folder)
    flow.threads = 1
    return {epoch: epoch_of(flow, epoch) for epoch in range(3)}


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_any_number_of_threads(folder: Path, expected: dict, threads: int) -> None:
    flow = make(folder)
    flow.threads = threads
    assert all(equal(epoch_of(flow, epoch), batches) for epoch, batches in expected.items())


@given(requests=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=8))
@settings(max_examples=20, deadline=None)
def test_any_order_of_requests(folder: Path, expected: dict, requests: list[tuple[int, int]]) -> None:
    flow = make(folder)
    for index, epoch in requests:
        assert equal([flow.batch(index, epoch)], [expected[epoch][index]])


def test_workers_as_keras_runs_them(folder: Path, expected: dict) -> None:
    flow = make(folder)
    flow.workers = 3
    with ThreadPool(3) as pool:
        assert equal(pool.map(flow.__getitem__, range(len(flow))), expected[0])


def test_a_loop_goes_through_the_epochs_and_reset_starts_over(folder: Path, expected: dict) -> None:
    flow = make(folder)
    for epoch in range(2):
        assert equal([next(flow) for _ in range(len(flow))], expected[epoch])
    next(flow)
    flow.reset()
    assert flow.epoch == 3 and flow.batch_index == 0
    flow.epoch = 0
    assert equal([flow[index] for index in range(len(flow))], expected[0])
    flow.on_epoch_end()
    assert equal([flow[index] for index in range(len(flow))], expected[1])


def test_epochs_and_seeds_differ(folder: Path, expected: dict) -> None:
    assert not equal(expected[0], expected[1]) and not equal(expected[1], expected[2])
    assert not equal(epoch_of(make(folder, seed=4), 0), expected[0])
    flow = make(folder)
    orders = [flow.order(epoch).tolist() for epoch in range(3)]
    assert len({tuple(order) for order in orders}) == 3 and all(sorted(order) == list(range(18)) for order in orders)


def test_an_image_gets_other_numbers_in_each_epoch_and_than_its_neighbours(folder: Path) -> None:
    flow = make(folder)
    drawn = [flow.parameters(number, epoch) for epoch in range(3) for number in range(18)]
    assert len({one["theta"] for one in drawn}) == len(drawn)
    seeds = [one["noise"]["seed"] for one in drawn if one["noise"] and "seed" in one["noise"]]
    assert len(set(seeds)) == len(seeds) > 15


def test_an_image_s_numbers_do_not_depend_on_its_place_in_the_order(folder: Path) -> None:
    generator = ImageDataGenerator(**CHANGES)
    shuffled, plain = (
        generator.flow_from_directory(str(folder), (24, 20), seed=3, batch_size=18, class_mode=None, shuffle=shuffle)
        for shuffle in (True, False)
    )
    assert np.array_equal(shuffled[0], plain[0][shuffled.index_array])


def test_seed_of_the_generator_and_of_the_process(folder: Path) -> None:
    by_generator = ImageDataGenerator(**CHANGES, seed=3).flow_from_directory(str(folder), (24, 20), batch_size=4)
    assert equal(epoch_of(by_generator, 0), epoch_of(make(folder), 0))
    seeds = []
    for _ in range(2):
        np.random.seed(11)  # noqa: NPY002 - what keras.utils.set_random_seed does
        seeds.append(make(folder, seed=None).seed)
    assert seeds[0] == seeds[1] != make(folder, seed=None).seed


def test_images_and_masks_with_the_same_seed_move_alike() -> None:
    images = np.stack([smooth_image(seed, 16, 16, 1) for seed in range(6)])
    image_flow = ImageDataGenerator(
        rotation_range=40, zoom_range=0.2, horizontal_flip=True, brightness_range=(1, 1), seed=5
    )
    mask_flow = ImageDataGenerator(rotation_range=40, zoom_range=0.2, horizontal_flip=True, seed=5)
    first, second = image_flow.flow(images, batch_size=6)[0], mask_flow.flow(images, batch_size=6)[0]
    assert np.abs(first - second).max() <= 1  # brightness 1 cuts to whole numbers


@pytest.mark.parametrize("channels", [1, 3])
def test_what_was_drawn_is_recorded_and_replayed(channels: int) -> None:
    images = np.stack([smooth_image(seed, 16, 18, channels) for seed in range(8)])
    generator = ImageDataGenerator(**CHANGES)
    flow = generator.flow(images, batch_size=8, seed=2)
    for epoch in (0, 5):
        batch = flow.batch(0, epoch)
        for place, number in enumerate(flow.order(epoch)):
            again = generator.apply_transform(images[number], flow.parameters(number, epoch))
            assert np.abs(again - batch[place]).max() < 1e-3


def test_parameters_are_drawn_from_their_whole_range() -> None:
    generator = ImageDataGenerator(
        rotation_range=10,
        width_shift_range=[-3, 5],
        height_shift_range=0.5,
        horizontal_flip=True,
        zoom_range=[0.8, 1.5],
    )
    flow = generator.flow(np.zeros((3000, 8, 8, 1), np.uint8), seed=0)
    drawn = [flow.parameters(number) for number in range(3000)]
    theta, tx, zoom = (np.array([one[key] for one in drawn]) for key in ("theta", "tx", "zx"))
    assert -10 <= theta.min() < -9.9 and 9.9 < theta.max() <= 10 and abs(theta.mean()) < 0.5
    assert -4 <= tx.min() < -3.9 and 3.9 < tx.max() <= 4
    assert 0.8 <= zoom.min() < 0.81 and 1.49 < zoom.max() <= 1.5
    assert {one["ty"] for one in drawn} == {-5, -3, 3, 5}
    assert 0.45 < np.mean([one["flip_horizontal"] for one in drawn]) < 0.55
    assert not any(one["flip_vertical"] for one in drawn)


def test_batches_that_are_kept_are_never_overwritten(folder: Path) -> None:
    flow = make(folder)
    kept = [flow.batch(index % len(flow), index)[0] for index in range(20)]
    views = [batch[0] for batch in kept]
    copies = [view.copy() for view in views]
    del kept  # only views of the batches are left
    for index in range(20):
        flow.batch(index % len(flow), 100 + index)
    assert all(np.array_equal(view, copy) for view, copy in zip(views, copies, strict=True))


def test_memory_of_batches_is_used_again_and_bounded() -> None:
    memory = BatchMemory(kept=2)
    first = memory.empty((4, 5), np.float32)
    address = first.ctypes.data
    view = first[1:]
    del first
    other = memory.empty((4, 5), np.float32)
    assert other.ctypes.data != address
    del view
    again = memory.empty((2, 5), np.float32)
    assert again.ctypes.data == address and again.flags.writeable


def test_no_more_batches_are_kept_than_asked_for() -> None:
    memory = BatchMemory(kept=2)
    tracemalloc.start()
    try:
        many = [memory.empty((1 << 20,), np.uint8) for _ in range(10)]
        assert tracemalloc.get_traced_memory()[0] > 9.9 * (1 << 20)
        del many
        assert 1.9 * (1 << 20) < tracemalloc.get_traced_memory()[0] < 2.1 * (1 << 20)
    finally:
        tracemalloc.stop()


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    def work(number: int) -> None:
        if number == 7:
            raise KeyError("seven")

    for threads in (1, 4):
        with pytest.raises(KeyError, match="seven"):
            for_each(20, work, threads)
