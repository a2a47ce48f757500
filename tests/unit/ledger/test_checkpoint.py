import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.errors import MalformedError, SignatureError, UsageError
from twinvouch.ledger import checkpoint
from twinvouch.ledger.checkpoint import Checkpoint, VerifierKey

SIGNER = SeededSigner(bytes(32))
HEAD = Checkpoint("net3/0", 20_852_163, bytes(range(32)))
KEY = VerifierKey("net3/0", SIGNER.public_key)
SIGNED = checkpoint.sign(HEAD, SIGNER)

# the worked example of the signed-note specification
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6Tf"
    "Xppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def test_a_checkpoint_reads_as_documented() -> None:
    text, signature = SIGNED.decode().split("\n\n")
    assert text == "net3/0\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert signature.startswith("— net3/0 ")


def test_a_checkpoint_comes_back_under_its_key() -> None:
    assert checkpoint.verify(SIGNED, KEY) == HEAD


def test_the_key_of_the_specification_is_read_and_written() -> None:
    key = checkpoint.read_key(EXAMPLE_KEY)
    assert (key.name, key.key_id.hex(), key.text()) == ("example.com/foo", "530d903a", EXAMPLE_KEY)


def test_the_note_of_the_specification_is_split() -> None:
    note = checkpoint.read_note(EXAMPLE.encode())
    assert note.text == b"This is an example message.\n"
    [(name, signature)] = note.signatures
    assert (name, signature[:4].hex(), len(signature)) == ("example.com/foo", "530d903a", 68)


def test_signatures_of_others_are_ignored_and_ours_is_found() -> None:
    other = checkpoint.sign(HEAD, SeededSigner(b"\1" * 32)).decode().split("\n\n")[1]
    assert checkpoint.verify(SIGNED + other.encode(), KEY) == HEAD


@pytest.mark.parametrize("bit", range(8))
def test_any_flipped_bit_is_found(bit: int) -> None:
    for at in range(len(SIGNED)):
        raw = bytearray(SIGNED)
        raw[at] ^= 1 << bit
        with pytest.raises((MalformedError, SignatureError)):
            checkpoint.verify(bytes(raw), KEY)


def test_one_wrong_signature_of_ours_spoils_the_note() -> None:
    wrong = checkpoint.sign(Checkpoint("net3/0", 1, bytes(32)), SIGNER).decode().split("\n\n")[1]
    with pytest.raises(SignatureError, match="does not fit"):
        checkpoint.verify(SIGNED + wrong.encode(), KEY)


def test_another_logs_checkpoint_is_not_ours() -> None:
    """Signed by our key, under our key's name, but about another log."""
    text = Checkpoint("net3/1", 1, bytes(32)).text()
    line = checkpoint.base64.b64encode(KEY.key_id + SIGNER.sign(text)).decode()
    with pytest.raises(SignatureError, match="of log `net3/1`, expected `net3/0`"):
        checkpoint.verify(text + f"\n— net3/0 {line}\n".encode(), KEY)


def test_a_checkpoint_without_our_signature_is_refused() -> None:
    with pytest.raises(SignatureError, match="no signature by `net3/0`"):
        checkpoint.verify(checkpoint.sign(HEAD, SeededSigner(b"\1" * 32)), KEY)


@pytest.mark.parametrize(
    "text",
    [
        "net3/0\n07\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "net3/0\n-7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "net3/0\n\N{SUPERSCRIPT TWO}\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "net3/0\n7\nAAEC\n",
        "net3/0\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n",
        "net3/0\n7\n",
        "net3/0\n\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
    ],
)
def test_text_of_another_form_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        checkpoint.read_text(text.encode())


def test_extension_lines_are_covered_and_ignored() -> None:
    assert checkpoint.read_text(HEAD.text() + b"extension\n") == HEAD


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\x00b"])
def test_a_name_that_breaks_lines_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        checkpoint.sign(Checkpoint(name, 0, bytes(32)), SIGNER)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AAAA",
        EXAMPLE_KEY.replace("530d", "530e"),
        EXAMPLE_KEY.replace("Aeky", "Beky"),
        EXAMPLE_KEY[:-1],
    ],
)
def test_a_key_of_another_form_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        checkpoint.read_key(text)


@given(st.binary(max_size=200))
def test_hostile_bytes_are_malformed_or_unsigned_and_nothing_else(raw: bytes) -> None:
    with pytest.raises((MalformedError, SignatureError)):
        checkpoint.verify(raw, KEY)


@given(st.integers(0, len(SIGNED)), st.binary(max_size=8), st.integers(0, 8))
def test_spliced_checkpoints_are_refused(at: int, insert: bytes, cut: int) -> None:
    raw = SIGNED[:at] + insert + SIGNED[at + cut :]
    if raw == SIGNED:
        assert checkpoint.verify(raw, KEY) == HEAD
        return
    with pytest.raises((MalformedError, SignatureError)):
        checkpoint.verify(raw, KEY)


def test_an_oversized_note_is_refused_unread() -> None:
    with pytest.raises(MalformedError, match="the limit is"):
        checkpoint.read_note(SIGNED + b"x" * (1 << 18))
