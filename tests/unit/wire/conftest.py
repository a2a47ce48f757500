"""Fixtures for the tests of the formats."""

import pytest

from tests.unit.wire.samples import SeedSigner


@pytest.fixture
def signer() -> SeedSigner:
    return SeedSigner()
