"""Loops over an iterator, `reset` among them: the batches that stock Keras gives, and the epochs they belong to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braintumor_tf.augment import ImageDataGenerator
from braintumor_tf.augment.keras_compat import KerasImageDataGenerator as Stock

IMAGES = np.repeat(np.arange(10, dtype=np.float32), 4).reshape(10, 2, 2, 1)  # each image says its number


def numbers(batch: np.ndarray) -> list[int]:
    return batch[:, 0, 0, 0].astype(int).tolist()


def shuffled(**arguments: Any) -> Any:
    return ImageDataGenerator().flow(IMAGES, batch_size=4, seed=3, **arguments)


@given(steps=st.lists(st.sampled_from(["next", "reset", "item", "end"]), max_size=14))
@settings(max_examples=60, deadline=None)
def test_any_mixture_of_steps_gives_the_batches_of_keras(steps: list[str]) -> None:
    flows = [kind().flow(IMAGES, batch_size=4, shuffle=False) for kind in (Stock, ImageDataGenerator)]
    for step in steps:
        found = []
        for flow in flows:
            if step == "next":
                found.append(numbers(next(flow)))
            elif step == "item":
                found.append(numbers(flow[1]))
            else:
                flow.reset() if step == "reset" else flow.on_epoch_end()
        assert len(found) < 2 or found[0] == found[1]
        assert flows[0].batch_index == flows[1].batch_index
        assert flows[0].total_batches_seen == flows[1].total_batches_seen


def test_reset_before_a_loop_has_begun_changes_nothing() -> None:
    flow = shuffled()
    expected = [numbers(flow.batch(index, 0)) for index in range(3)]
    flow.reset()
    flow.reset()
    assert flow.epoch == 0
    assert [numbers(next(flow)) for _ in range(3)] == expected
    assert flow.epoch == 1
    flow.reset()  # a loop has just ended, the next has not begun
    assert flow.epoch == 1 and numbers(next(flow)) == numbers(flow.batch(0, 1))


@pytest.mark.parametrize("begun", [1, 2])
def test_reset_within_a_loop_starts_a_new_order_at_its_first_batch(begun: int) -> None:
    flow = shuffled()
    for _ in range(begun):
        next(flow)
    flow.reset()
    assert (flow.epoch, flow.batch_index) == (1, 0)
    assert flow.index_array.tolist() == flow.order(1).tolist() != flow.order(0).tolist()
    assert [numbers(next(flow)) for _ in range(4)] == [
        *(numbers(flow.batch(index, 1)) for index in range(3)),
        numbers(flow.batch(0, 2)),
    ]


def test_the_order_that_keras_sees_is_that_of_the_epoch() -> None:
    flow = shuffled()
    for epoch in (0, 5, 2):
        flow.epoch = epoch
        assert flow.index_array.tolist() == flow.order(epoch).tolist()
        assert np.concatenate([numbers(flow[index]) for index in range(3)]).tolist() == flow.order(epoch).tolist()
    flow.on_epoch_end()
    assert flow.epoch == 3 and flow.index_array.tolist() == flow.order(3).tolist()
    plain = shuffled(shuffle=False)
    assert all(plain.order(epoch).tolist() == list(range(10)) for epoch in range(3))


def test_an_iterator_s_own_seed_goes_before_the_generator_s() -> None:
    def order(seed: int | None, own: int | None) -> list[int]:
        return ImageDataGenerator(seed=seed).flow(IMAGES, seed=own).order(0).tolist()

    assert order(8, 3) == order(None, 3) == order(3, None) != order(8, None)
    assert order(8, 0) == order(None, 0) == order(0, None) != order(8, None)
