"""What all tests share: a quiet TensorFlow, a cache of their own, and the real images where they are at hand."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("MPLBACKEND", "Agg")
# compiling is most of what tests on JAX take, and what they compare does not depend on how well XLA optimises
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
if "PYTEST_XDIST_WORKER" in os.environ:  # as many workers as cores: more threads would only wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Gives the session a cache directory of its own, and removes it again."""
    cache = tempfile.mkdtemp(prefix="braintumor_tf_test_cache_")
    os.environ["BRAINTUMOR_TF_CACHE"] = cache
    config.add_cleanup(lambda: shutil.rmtree(cache, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives a worker a file as a whole, for the sake of its fixtures; what has a group of its own goes by that."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Returns the folder that holds ``sartaj``, ``navoneel`` and ``masoud``, or skips the test.

    The folder is named by the environment variable BRAINTUMOR_TF_DATA; by default it is ``../shared/data`` beside the
    repository.
    """
    folder = Path(os.environ.get("BRAINTUMOR_TF_DATA") or REPOSITORY.parent / "shared" / "data").resolve()
    absent = [name for name in ("sartaj", "navoneel", "masoud") if not (folder / name).is_dir()]
    if absent:
        pytest.skip(f"real images not found: {folder} lacks {', '.join(absent)}; set BRAINTUMOR_TF_DATA")
    return folder
