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

    Example:
        >>> bool((stream(1, 0, 7).random(3) == stream(1, 0, 7).random(3)).all())
        True
    """
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([part & _MASK for part in key])))


def quick_stream(seed: int, slot: str) -> np.random.Generator:
    """Returns this thread's generator of the name `slot`, put at the start of the stream of `seed`.

    Setting the state of a generator is quicker than making one, which counts when each image has its own. The state is
    set as SFC64's author does it: all three words are the seed, the counter is 1, twelve rounds are thrown away.

    Source: Doty-Humphrey, PractRand, ``sfc64``, which NumPy's ``SFC64`` implements.

    Args:
        seed: a number; only its lowest 64 bits count.
        slot: a name. What was returned for the same name in the same thread is moved to the new stream, so two
            generators that are in use together need two names.

    Example:
        >>> quick_stream(5, "one").random() == quick_stream(5, "two").random()
        True
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
