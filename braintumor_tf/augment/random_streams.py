"""Random streams: every number that an image gets is a function of a seed, never of global state or of timing."""

from __future__ import annotations

import threading

import numpy as np

_LOCAL = threading.local()
_MASK = (1 << 64) - 1
_ROUNDS = 12  # the rounds with which SFC64's author mixes a seed into the state


def stream(*key: int) -> np.random.Generator:
    """Returns a new generator (SFC64) for a key of integers, such as ``(seed, epoch, block)``.

    Args:
        *key: integers; only their lowest 64 bits count.
    """
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([part & _MASK for part in key])))


def quick_stream(seed: int, slot: str) -> np.random.Generator:
    """Returns this thread's generator of the name `slot`, put at the start of the stream of `seed`.

    Setting the state of a generator costs a tenth of making one, which counts when each image has its own. The state is
    set as SFC64's author does it (all three words the seed, the counter 1, twelve rounds thrown away).

    Args:
        seed: a number; only its lowest 64 bits count.
        slot: a name. What was returned for the same name in the same thread is moved to the new stream, so two
            generators that are in use together need two names.
    """
    generators = _LOCAL.__dict__.setdefault("generators", {})
    if slot not in generators:
        generators[slot] = np.random.Generator(np.random.SFC64(0))
    bits = generators[slot].bit_generator
    word = seed & _MASK
    bits.state = {
        "bit_generator": "SFC64",
        "state": {"state": np.array([word, word, word, 1], dtype=np.uint64)},
        "has_uint32": 0,
        "uinteger": 0,
    }
    bits.random_raw(_ROUNDS, output=False)
    return generators[slot]
