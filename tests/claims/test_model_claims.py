"""C06 of docs/explanation/threat-model.md: what comes in as a model, and what does not."""

import io
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.claims.site import PLANT, Toy, reply, signer, stranger
from twinvouch.adapters.keys import SeededSigner
from twinvouch.adapters.model_files import examine
from twinvouch.core.event import ModelSubmitted, Reply
from twinvouch.core.kind import Purpose
from twinvouch.core.site import SECOND
from twinvouch.wire.cose import seal
from twinvouch.wire.manifest import Manifest, write_manifest

WEIGHTS = b'{"gain": 1.5}'


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def submit(
    toy: Toy,
    files: Mapping[str, bytes],
    came: Mapping[str, bytes] | None = None,
    by: SeededSigner | None = None,
    **but: Any,
) -> Reply:
    """Sign a manifest over `files` and send it with what `came`."""
    digests = {name: digest for name, digest, _ in examine(files)}
    usual: dict[str, Any] = {"made_ns": toy.now, "valid_until_ns": toy.now + SECOND}
    manifest = Manifest("demand", "1", digests, (), (), {}, **(usual | but))
    raw = seal(
        write_manifest(manifest, PLANT),
        signer=by or signer("modeller"),
        plant=PLANT,
        purpose=but.get("purpose", Purpose.MODEL),
    )
    files_as_checked = examine(files if came is None else came)
    return reply(toy.core.feed(ModelSubmitted(toy.salt(), "p", raw, files_as_checked), toy.now))


def test_a_signed_model_in_a_plain_format_is_admitted(toy: Toy) -> None:
    answer = submit(toy, {"w.json": WEIGHTS, "w.npz": npz(a=np.arange(3.0))})
    assert (answer.code, answer.body["status"]) == (200, "admitted"), answer.body
    assert list(toy.memory.models) == ["demand"]


@pytest.mark.parametrize("by", [stranger(), signer("ann"), signer("twin"), signer("edge-1")])
def test_c06_only_a_model_signer_vouches_for_models(toy: Toy, by: SeededSigner) -> None:
    answer = submit(toy, {"w.json": WEIGHTS}, by=by)
    assert answer.code in {401, 422}
    assert toy.memory.models == {}


def test_c06_bytes_without_a_manifest_are_no_model(toy: Toy) -> None:
    for raw in (b"", WEIGHTS, pickle.dumps({"w": 1})):
        files = examine({"w.json": WEIGHTS})
        answer = reply(toy.core.feed(ModelSubmitted(toy.salt(), "p", raw, files), toy.now))
        assert answer.code == 401
    assert toy.memory.models == {}


@pytest.mark.parametrize(
    "came",
    [
        {"w.json": b'{"gain": 9.5}'},
        {},
        {"w.json": WEIGHTS, "more.json": b"{}"},
        {"other.json": WEIGHTS},
    ],
    ids=["changed", "missing", "extra", "renamed"],
)
def test_c06_the_files_are_exactly_those_that_were_signed(toy: Toy, came: dict[str, bytes]) -> None:
    answer = submit(toy, {"w.json": WEIGHTS}, came)
    assert answer.code == 422
    assert "model_files" in toy.rules()
    assert toy.memory.models == {}


class Payload:
    """What would run where somebody unpickled it."""

    def __reduce__(self) -> Any:
        return print, ("this never runs",)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("w.pkl", pickle.dumps(Payload())),
        ("w.json", pickle.dumps(Payload())),
        ("w.npz", pickle.dumps(Payload())),
        ("w.npz", npz(a=np.array([Payload()], dtype=object))),
        ("w.py", b"print('this never runs')"),
        ("../w.json", WEIGHTS),
        ("w.json", b'{"gain": NaN}'),
        ("w.npz", npz(a=np.array([np.nan]))),
    ],
)
def test_c06_a_format_that_can_carry_code_is_refused_also_when_signed(
    toy: Toy, name: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = submit(toy, {name: content})
    assert answer.code == 422
    assert "model_format" in toy.rules()
    assert toy.memory.models == {}
    assert "this never runs" not in capsys.readouterr().out


def test_c06_a_manifest_of_yesterday_is_refused(toy: Toy) -> None:
    answer = submit(toy, {"w.json": WEIGHTS}, valid_until_ns=toy.now - 1)
    assert answer.code == 422
    assert "model_expired" in toy.rules()
