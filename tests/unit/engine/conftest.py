from pathlib import Path

import pytest

from tests.claims.site import Toy


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)
