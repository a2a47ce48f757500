"""Fixtures for all tests."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before numpy

import pytest
from hypothesis import HealthCheck, settings

# a busy machine is no failure: no test here measures time
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")


@pytest.fixture(autouse=True)
def _stores_are_closed() -> Iterator[None]:
    """One process runs thousands of tests, and some libraries cannot wait for descriptors above 1,023."""
    yield
    site = sys.modules.get("tests.claims.site")
    while site is not None and site.OPEN:
        with suppress(Exception):  # a store that a test broke
            site.OPEN.pop().close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets and vectors; tests that need it are skipped where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("TWINVOUCH_SHARED", default))
    if not folder.is_dir():
        pytest.skip("the folder of public data sets is not here")
    return folder
