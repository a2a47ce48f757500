"""What the command line makes of the core's answers: each kind of no has its exit code."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.app.plants import loaded
from twinvouch.app.client import Client, RefusedError
from twinvouch.core.errors import NotPermittedError, TwinvouchError, UnavailableError


def answering(tmp_path: Path, code: int, body: Any) -> Client:
    client = Client(loaded(tmp_path))
    answer = httpx.MockTransport(lambda _: httpx.Response(code, json=body))
    client._http = httpx.Client(transport=answer, base_url="http://core")
    return client


@pytest.mark.parametrize(
    ("code", "body", "error"),
    [
        (401, {}, NotPermittedError),
        (403, {"rule": "capability", "detail": "policy: no"}, NotPermittedError),
        (422, {"rule": "model_role", "detail": "may not sign"}, NotPermittedError),
        (403, {"rule": "statement", "detail": "used before"}, RefusedError),
        (403, {"detail": "interlock"}, RefusedError),
        (422, {"rule": "model_files"}, RefusedError),
        (404, [], RefusedError),
        (429, {}, UnavailableError),
        (503, {}, UnavailableError),
    ],
)
def test_a_posted_no_is_the_policys_or_another(
    tmp_path: Path, code: int, body: Any, error: type[TwinvouchError]
) -> None:
    with pytest.raises(error) as told:
        answering(tmp_path, code, body).post("/statements", b"")
    assert type(told.value) is error
    assert str(code) in str(told.value)
