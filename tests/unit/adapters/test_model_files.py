import json
import pickle
import re
import zipfile
from hashlib import sha256
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinvouch.adapters import model_files
from twinvouch.adapters.lock_file import sync_directory
from twinvouch.adapters.model_files import FileLimits, examine, folder, keep, refusal
from twinvouch.core.errors import UsageError

HEADER = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }"


def npz(**arrays):
    out = BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def packed(members, compression=zipfile.ZIP_DEFLATED, comment=b""):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, raw in members:
            archive.writestr(name, raw)
        archive.comment = comment
    return out.getvalue()


def npy(header=HEADER, body=bytes(16), version=b"\x01\x00"):
    text = (header + "\n").encode("latin-1")
    wide = 2 if version[0] == 1 else 4
    return b"\x93NUMPY" + version + len(text).to_bytes(wide, "little") + text + body


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def test_what_comes_in():
    good = {
        "params.json": b'{"gain": 1.5, "names": ["a", "b"], "deep": {"x": [1, -2, null, true]}}',
        "weights.npz": npz(w=np.ones((3, 4)), b=np.zeros(3, "f4"), n=np.arange(5), flags=np.array([True])),
        "sub/compact.npz": packed([("w.npy", npy())]),
        "empty.npz": npz(w=np.zeros((0, 3)), scalar=np.float64(2.0)),
        "big.npz": npz(w=np.ones(50_000), f=np.asfortranarray(np.ones((30, 4), ">f4")), h=np.ones(3, "f2")),
    }  # fmt: skip
    assert examine(good) == tuple((n, sha256(good[n]).digest(), "") for n in sorted(good))


@pytest.mark.parametrize(
    "name",
    ["", "../up.json", "/etc/passwd.json", "a/../b.json", "a\\b.json", "a//b.json", ".hidden.json", "a/./b.json",
     "nul\0.json", "x" * 101 + ".json", "a/b/c/d/e.json", "line\n.json", "é.json", "-rf.json"],
)  # fmt: skip
def test_names_that_are_no_plain_paths_are_refused(name):
    assert "plain relative path" in refusal(name, b"{}")


@pytest.mark.parametrize(
    "name",
    [
        "model.pkl",
        "model.pt",
        "model.h5",
        "model.onnx",
        "model",
        "weights.npy",
        "model.json.gz",
        "x.NPZ",
    ],
)
def test_every_other_format_is_refused(name):
    assert "not accepted" in refusal(name, b"{}")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "does not parse"),
        (b"{", "does not parse"),
        (b"{} {}", "does not parse"),
        (b"\xff\xfe{}", "does not parse"),
        (b"\xef\xbb\xbf{}", "does not parse"),
        (b'{"a": 1, "a": 2}', "a key twice"),
        (b'{"x": {"a": 1, "a": 1}}', "a key twice"),
        (b"[NaN]", "not a finite number"),
        (b"[Infinity]", "not a finite number"),
        (b"[-Infinity]", "not a finite number"),
        (b"[1e999]", "not a finite number"),
        (b"[" + b"9" * 20 + b"]", "64 bits"),
        (b"[" + b"1" * 5000 + b"]", "64 bits"),
        (b"[" * 33 + b"]" * 33, "deeper than 32"),
        (b"[" * 100_000 + b"]" * 100_000, "deeper than 32"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "deeper than 32"),
        (b" " * (2 << 20) + b"{}", "limit is"),
    ],
)
def test_json_that_does_not_come_in(raw, said):
    assert said in refusal("m.json", raw)


def test_json_of_the_deepest_kind_comes_in():
    assert refusal("m.json", b"[" * 32 + b"]" * 32) == ""


def test_object_arrays_are_refused_and_nothing_is_unpickled():
    hidden = npz(w=np.array([Evil()], dtype=object))
    assert "plain array of numbers" in refusal("m.npz", hidden)
    raw = npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", pickle.dumps(Evil()))
    assert "plain array of numbers" in refusal("m.npz", packed([("w.npy", raw)]))
    assert "not a zip" in refusal("m.npz", pickle.dumps(Evil()))
    assert "no plain .npy name" in refusal("m.npz", packed([("w.pkl", pickle.dumps(Evil()))]))
    assert "no .npy" in refusal("m.npz", packed([("w.npy", pickle.dumps(Evil()))]))


@pytest.mark.parametrize(
    "array",
    [
        np.array(["text"]),
        np.array([b"bytes"]),
        np.array([1 + 2j]),
        np.array(["2026-01-01"], dtype="M8[s]"),
        np.zeros(2, dtype=[("a", "f8"), ("b", "i4")]),
        np.zeros(2, dtype="V8"),
        np.zeros(2, dtype=np.longdouble),
    ],
)
def test_arrays_of_other_things_than_numbers_are_refused(array):
    assert "plain array of numbers" in refusal("m.npz", npz(w=array))


@pytest.mark.parametrize(
    "descr", ["<b8", "|b2", "<f1", "=f8", "<f16", "|u1'+'", "__import__('os')", "<i8', 'x': '"]
)
def test_strange_descriptions_are_refused(descr):
    raw = npy(HEADER.replace("<f8", descr))
    assert refusal("m.npz", packed([("w.npy", raw)]))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (npy(body=bytes(15)), "not as long"),
        (npy(body=bytes(17)), "not as long"),
        (npy(HEADER.replace("(2,)", "(999999999999,)")), "not as long"),
        (npy(HEADER.replace("(2,)", "(-2,)")), "plain array"),
        (npy(HEADER.replace("(2,)", "(2.0,)")), "plain array"),
        (npy(HEADER.replace("(2,)", "(" + "1, " * 9 + ")")), "plain array"),
        (npy(HEADER + " " * 70_000, version=b"\x02\x00"), "header of"),
        (npy(version=b"\x03\x00"), "version 1 or 2"),
        (npy(body=np.array([1.0, np.nan]).tobytes()), "not finite"),
        (npy(body=np.array([1.0, -np.inf]).tobytes()), "not finite"),
        (b"", "no .npy"),
        (b"\x93NUMPY\x01\x00", "plain array"),
        (npy()[:40], "plain array"),
    ],
)
def test_members_that_are_no_honest_arrays_are_refused(raw, said):
    assert said in refusal("m.npz", packed([("w.npy", raw)]))


def test_infinity_at_the_end_of_a_long_array_is_found():
    array = np.ones(200_001, dtype=">f4")
    array[-1] = np.inf
    assert "not finite" in refusal("m.npz", npz(w=array))


@pytest.mark.parametrize(
    "name",
    ["../w.npy", "/w.npy", "a/w.npy", "..\\w.npy", "w", "w.npy/", "w.txt", "C:w.npy", "é.npy"],
)
def test_members_that_would_leave_the_folder_are_refused(name):
    assert "no plain .npy name" in refusal("m.npz", packed([(name, npy())]))


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    bomb = packed(
        [(f"w{i}.npy", npy(HEADER.replace("2,", "8388608,"), bytes(1 << 26))) for i in range(3)]
    )
    assert len(bomb) < 1 << 20
    assert "unpacks to" in refusal("m.npz", bomb)


def test_a_bomb_that_lies_about_its_size_is_refused():
    honest = packed([("w.npy", npy(HEADER.replace("2,", "131072,"), bytes(1 << 20)))])
    size = (len(npy(HEADER.replace("2,", "131072,"))) - 16 + (1 << 20)).to_bytes(4, "little")
    lying = honest.replace(size, len(npy()).to_bytes(4, "little"))
    assert lying != honest
    assert refusal("m.npz", lying)


def test_a_member_inside_another_is_refused():
    inner = packed([("b.npy", npy())], zipfile.ZIP_STORED)
    hidden = np.frombuffer(inner[: inner.index(b"PK\x01\x02")], dtype="u1")
    outer = npz(a=hidden)
    directory = outer.index(b"PK\x01\x02", outer.index(hidden.tobytes()) + len(hidden))
    entry = bytearray(inner[inner.index(b"PK\x01\x02") : inner.index(b"PK\x05\x06")])
    entry[42:46] = outer.index(hidden.tobytes()).to_bytes(4, "little")
    first = outer[directory : outer.index(b"PK\x05\x06", directory)]
    both = first + bytes(entry)
    end = b"PK\x05\x06" + bytes(4) + b"\2\0\2\0" + len(both).to_bytes(4, "little")
    end += directory.to_bytes(4, "little") + bytes(2)
    raw = outer[:directory] + both + end
    assert zipfile.ZipFile(BytesIO(raw)).namelist() == ["a.npy", "b.npy"]
    assert "overlaps another" in refusal("m.npz", raw)


def test_repeated_members_are_refused():
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = packed([("a.npy", npy()), ("a.npy", npy())])
    assert "member twice" in refusal("m.npz", twice)


def test_other_archives_are_refused():
    assert "neither stored nor deflated" in refusal(
        "m.npz", packed([("w.npy", npy())], zipfile.ZIP_BZIP2)
    )
    assert "neither stored nor deflated" in refusal(
        "m.npz", packed([("w.npy", npy())], zipfile.ZIP_LZMA)
    )
    assert "not a zip" in refusal("m.npz", b"#!/bin/sh\n" + packed([("w.npy", npy())]))
    assert "comment" in refusal("m.npz", packed([("w.npy", npy())], comment=b"hello"))
    assert refusal("m.npz", packed([("w.npy", npy())]) + b"trailing")
    assert refusal("m.npz", packed([]))
    encrypted = packed([("w.npy", npy())], zipfile.ZIP_STORED).replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    )
    assert "neither stored nor deflated" in refusal("m.npz", encrypted)


def test_limits():
    small = FileLimits(files=1, npz_bytes=100, members=1, unpacked_bytes=1000)
    assert "limit is 100" in refusal("m.npz", npz(w=np.ones(100)), small)
    two = packed([("a.npy", npy()), ("b.npy", npy())])
    assert "expected 1 to 1" in refusal("m.npz", two, FileLimits(members=1))
    named = {"a.json": b"{}", "b.json": b"{}"}
    assert [reason for _, _, reason in examine(named, small)] == ["2 files, limit is 1"] * 2
    assert examine({}) == ()


def test_an_archive_cut_anywhere_is_refused():
    raw = npz(w=np.ones(20))
    assert refusal("m.npz", raw) == ""
    assert all(refusal("m.npz", raw[:cut]) for cut in range(len(raw)))


def test_one_changed_byte_never_raises_and_never_changes_numbers_unseen():
    raw = npz(w=np.arange(4.0))
    for at in range(len(raw)):
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(raw)
            changed[at] ^= flip
            if refusal("m.npz", bytes(changed)) == "":
                loaded = np.load(BytesIO(bytes(changed)), allow_pickle=False)
                assert [loaded[n].tolist() for n in loaded.files] == [[0.0, 1.0, 2.0, 3.0]]


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(["m.json", "m.npz"]),
    raw=st.binary(max_size=200),
    prefix=st.sampled_from([b"", b"PK\x03\x04", b"[", b"{"]),
)
def test_any_bytes_never_raise(name, raw, prefix):
    reason = refusal(name, prefix + raw)
    assert reason or json.loads(prefix + raw) is not Ellipsis


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.integers(-(2**63), 2**64 - 1)
        | st.text(),
        lambda c: st.lists(c) | st.dictionaries(st.text(), c),
        max_leaves=20,
    )
)
def test_all_plain_json_comes_in(document):
    assert refusal("m.json", json.dumps(document).encode()) == ""


def test_the_names_of_kept_files_are_durable_before_anybody_is_answered(tmp_path, monkeypatch):
    synced = []

    def sync(directory):
        synced.append((directory.name, (tmp_path / "m" / "pump").exists()))
        sync_directory(directory)

    monkeypatch.setattr(model_files, "sync_directory", sync)
    keep(tmp_path / "m" / "pump", {"a.json": b"{}", "sub/b.json": b"[]"})
    assert synced == [(".pump.new", False), ("sub", False), ("m", True)]


def test_kept_files_replace_what_was_there(tmp_path):
    keep(tmp_path / "m" / "pump", {"a.json": b"{}", "sub/b.json": b"[]"})
    assert (tmp_path / "m" / "pump" / "sub" / "b.json").read_bytes() == b"[]"
    keep(tmp_path / "m" / "pump", {"a.json": b"[1]"})
    folder = tmp_path / "m" / "pump"
    assert [p.name for p in folder.iterdir()] == ["a.json"]
    assert (folder / "a.json").read_bytes() == b"[1]"
    assert (folder / "a.json").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in (tmp_path / "m").iterdir()] == ["pump"]


@pytest.mark.parametrize("name", ["../a.json", "/a.json", "a/../../b.json", ""])
def test_nothing_is_kept_outside_its_folder(tmp_path, name):
    with pytest.raises(UsageError, match="nothing was kept"):
        keep(tmp_path / "pump", {"a.json": b"{}", name: b"{}"})
    assert list(tmp_path.iterdir()) == []


def test_versions_of_one_model_lie_side_by_side_and_older_folders_stay(tmp_path):
    keep(tmp_path / "pump", {"a.json": b"0"})  # as release 0.1.0 kept it
    for version in ("1", "2"):
        keep(tmp_path / folder("pump", version), {"a.json": version.encode()})
    found = {p.name: (p / "a.json").read_bytes() for p in tmp_path.iterdir()}
    assert found == {"pump": b"0", "pump@1": b"1", "pump@2": b"2"}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), unique=True))
def test_a_folder_is_a_plain_name_of_its_own(named):
    folders = [
        folder(*n) for n in [("a", "../../b"), ("..", "1"), ("a@1", "1"), ("a", "1@1"), *named]
    ]
    assert all(
        re.fullmatch(r"[A-Za-z0-9_~][A-Za-z0-9_.-]*@[A-Za-z0-9_~][A-Za-z0-9_.-]*", f)
        for f in folders
    )
    assert max(map(len, folders)) <= 201
    assert len(set(folders)) == len(
        set(named) | {("a", "../../b"), ("..", "1"), ("a@1", "1"), ("a", "1@1")}
    )
