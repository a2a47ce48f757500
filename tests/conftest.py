"""Fixtures for all tests."""

import os
import resource
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before numpy

import pytest
from hypothesis import HealthCheck, settings

# a busy machine is no failure: no test here measures time
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")


# a test keeps its stores open until its process ends, and one process runs thousands of tests
_SOFT, _HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
_ENOUGH = 8192 if _HARD == resource.RLIM_INFINITY else min(_HARD, 8192)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(_SOFT, _ENOUGH), _HARD))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets and vectors; tests that need it are skipped where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("TWINVOUCH_SHARED", default))
    if not folder.is_dir():
        pytest.skip("the folder of public data sets is not here")
    return folder
