from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.commands.world import NOW, PRINCIPALS, SECOND, plant, site
from twinvouch.core.event import ModelSubmitted
from twinvouch.core.kind import Purpose
from twinvouch.core.ports import PolicyAnswer
from twinvouch.models.gate import judge
from twinvouch.wire.cose import seal
from twinvouch.wire.manifest import Manifest, write_manifest


class Signer:
    def __init__(self, seed):
        self.key = Ed25519PrivateKey.from_private_bytes(sha256(seed).digest())
        self.public_key = self.key.public_key().public_bytes_raw()

    def sign(self, message):
        return self.key.sign(message)


MONA, EVA, MALLORY = Signer(b"mona"), Signer(b"eva"), Signer(b"mallory")
KEYS = {"mona": MONA, "eva": EVA}
SITE = site(
    plant=plant(
        principals=PRINCIPALS
        | {n: replace(PRINCIPALS[n], key=signer.public_key) for n, signer in KEYS.items()}
    )
)
A, B = sha256(b"a").digest(), sha256(b"b").digest()
MANIFEST = Manifest(
    model="pump-model", version="1", files={"params.json": A, "weights.npz": B}, inputs=("tank-1/level",),
    lineage=(1, 2), metrics={"rmse": 0.1}, made_ns=NOW - SECOND, valid_until_ns=NOW + SECOND,
)  # fmt: skip
FILES = (("params.json", A, ""), ("weights.npz", B, ""))


def sealed(manifest=MANIFEST, signer=MONA, purpose=Purpose.MODEL, name="net3"):
    return seal(write_manifest(manifest, name), signer=signer, plant=name, purpose=purpose)


def submit(raw=None, files=FILES, on=SITE):
    event = ModelSubmitted(bytes(16), "10.0.0.9", sealed() if raw is None else raw, files)
    return judge(event, on, NOW)


def refused(judged):
    assert not judged.admitted
    return [f.rule for f in judged.findings]


def test_a_signed_whole_and_valid_model_comes_in():
    judged = submit()
    assert judged.admitted
    assert judged.findings == ()
    assert (judged.manifest, judged.signer) == (MANIFEST, "mona")
    assert judged.digest == sha256(write_manifest(MANIFEST, "net3")).digest()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not a manifest",
        sealed()[:-1],
        sealed(signer=MALLORY),  # nobody's key
        sealed(purpose=Purpose.COMMAND),
        sealed(name="net4"),  # another plant's
        sealed()[:20] + bytes([sealed()[20] ^ 1]) + sealed()[21:],
        sealed()[:-1] + bytes([sealed()[-1] ^ 1]),
    ],
)
def test_what_is_not_signed_for_this_plant_and_purpose_is_refused(raw):
    judged = submit(raw)
    assert refused(judged) == ["model_signature"]
    assert judged.manifest is None
    assert judged.findings[0].subject == "10.0.0.9"


def test_a_signature_over_another_plants_content_is_refused():
    raw = seal(write_manifest(MANIFEST, "net4"), signer=MONA, plant="net3", purpose=Purpose.MODEL)
    assert refused(submit(raw)) == ["model_signature"]


def test_only_a_model_signer_signs_models():
    judged = submit(sealed(signer=EVA))
    assert refused(judged) == ["model_role"]
    assert judged.findings[0].sentence.startswith("`eva` may not sign models")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (FILES[:1], "`weights.npz` is in the manifest and did not come"),
        ((), "`params.json` is in the manifest and did not come"),
        ((*FILES, ("extra.json", A, "")), "`extra.json` came and is not in the manifest"),
        ((FILES[0], ("weights.npz", A, "")), "`weights.npz` is not the one that was signed"),
        ((*FILES, ("weights.npz", A, "")), "`weights.npz` came twice"),
    ],
)
def test_missing_changed_and_extra_files_are_refused(files, said):
    judged = submit(files=files)
    assert set(refused(judged)) == {"model_files"}
    assert any(said in f.sentence for f in judged.findings)


def test_a_file_of_a_refused_format_is_refused_with_its_reason():
    judged = submit(files=(FILES[0], ("weights.npz", B, "not a plain array of numbers")))
    assert refused(judged) == ["model_format"]
    assert "not a plain array of numbers" in judged.findings[0].sentence


def test_an_expired_manifest_is_refused():
    assert refused(submit(sealed(replace(MANIFEST, valid_until_ns=NOW)))) == ["model_expired"]


def test_a_manifest_without_files_is_refused():
    assert refused(submit(sealed(replace(MANIFEST, files={})), files=())) == ["model_files"]


@pytest.mark.parametrize("name", ["../../etc", "/etc/x", "a/b", ".hidden", "a b", "x" * 101])
def test_a_name_that_is_no_plain_file_name_is_refused(name):
    judged = submit(sealed(replace(MANIFEST, model=name)))
    assert refused(judged) in (["model_files"], ["model_signature"])


def test_every_broken_rule_is_told():
    late = replace(MANIFEST, valid_until_ns=NOW - SECOND)
    judged = submit(sealed(late, signer=EVA), files=(("params.json", A, "too deep"),))
    assert refused(judged) == ["model_role", "model_format", "model_files", "model_expired"]


def test_a_policy_that_says_no_is_obeyed():
    class Deny:
        digest = bytes(32)

        def decide(self, request):
            return PolicyAnswer(allowed=False, why=f"no {request.action} by {request.principal}")

    judged = submit(on=replace(SITE, policy=Deny()))
    assert refused(judged) == ["model_role"]
    assert "no submitModel by mona" in judged.findings[0].sentence


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 10_000), st.integers(1, 255))
def test_hostile_bytes_are_a_finding_never_an_exception(raw, at, flip):
    assert refused(submit(raw)) == ["model_signature"]
    changed = bytearray(sealed())
    changed[at % len(changed)] ^= flip
    assert refused(submit(bytes(changed))) == ["model_signature"]
