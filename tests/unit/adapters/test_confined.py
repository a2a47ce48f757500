"""What is not prevented is said; what is, is in tests/unit/app/test_lookahead.py, in a process of its own."""

import struct

import pytest

from twinvouch.adapters import confined


@pytest.mark.parametrize(("system", "machine"), [("linux", "riscv64"), ("darwin", "arm64")])
def test_a_machine_without_a_filter_is_named(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr(confined.resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(confined.sys, "platform", system)
    monkeypatch.setattr(confined.platform, "machine", lambda: machine)
    assert machine in confined.confine(512)


@pytest.mark.parametrize("machine", sorted(confined._FORBIDDEN))
def test_the_filter_jumps_where_it_means_to(machine: str) -> None:
    """Run as the kernel would: every forbidden number is an error, every other one passes, other tables end the process."""
    architecture, numbers = confined._FORBIDDEN[machine]
    program = list(struct.iter_unpack("HBBI", confined._program(architecture, numbers)))
    assert len(program) < 256

    def result(arch: int, number: int) -> int:
        data, at, a = {0: number, 4: arch}, 0, 0
        while True:
            code, yes, no, k = program[at]
            if code == 0x06:
                return int(k)
            if code == 0x20:
                a = data[k]
                at += 1
            else:
                holds = a == k if code == 0x15 else a >= k
                at += 1 + (yes if holds else no)

    for number in range(500):
        expected = 0x00050001 if number in numbers else 0x7FFF0000
        assert result(architecture, number) == expected
    assert result(architecture, 0x40000000 + 41) == 0x00050001
    assert result(1, 0) == 0x80000000
