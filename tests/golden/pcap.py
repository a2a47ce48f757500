"""A small reader of pcap and pcapng files (Ethernet, IPv4, TCP) that puts TCP streams together again."""

from collections.abc import Iterator
from pathlib import Path
from struct import unpack, unpack_from

Flow = tuple[bytes, int, bytes, int]  # source address and port, destination address and port


def packets(raw: bytes) -> Iterator[bytes]:
    """The packets of a capture of Ethernet."""
    if raw[:4] == b"\x0a\x0d\x0d\x0a":
        yield from _of_pcapng(raw)
        return
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}[raw[:4]]
    assert unpack_from(order + "I", raw, 20) == (1,), "Ethernet"
    at = 24
    while at + 16 <= len(raw):
        (size,) = unpack_from(order + "I", raw, at + 8)
        yield raw[at + 16 : at + 16 + size]
        at += 16 + size


def _of_pcapng(raw: bytes) -> Iterator[bytes]:
    """Of enhanced packet blocks, little-endian."""
    assert raw[8:12] == b"\x4d\x3c\x2b\x1a", "little-endian"
    at = 0
    while at + 12 <= len(raw):
        kind, size = unpack_from("<II", raw, at)
        if kind == 6:
            (length,) = unpack_from("<I", raw, at + 20)
            yield raw[at + 28 : at + 28 + length]
        at += size


def segments(path: Path) -> Iterator[tuple[Flow, int, int, bytes]]:
    """Flow, sequence number, flags and payload of every TCP segment over IPv4."""
    for packet in packets(path.read_bytes()):
        if packet[12:14] != b"\x08\x00" or packet[23] != 6:
            continue
        ip = packet[14 : 14 + unpack(">H", packet[16:18])[0]]
        head = (ip[0] & 15) * 4
        source, target, sequence = unpack_from(">HHI", ip, head)
        data = ip[head + (ip[head + 12] >> 4) * 4 :]
        yield (ip[12:16], source, ip[16:20], target), sequence, ip[head + 13], data


class Assembly:
    """One direction of a connection: bytes in order, each once."""

    def __init__(self) -> None:
        self.next: int | None = None
        self.early: dict[int, bytes] = {}

    def add(self, sequence: int, flags: int, data: bytes) -> bytes:
        """What has become continuous with this segment; a SYN begins a new connection."""
        if flags & 2:
            self.next, self.early = (sequence + 1) & 0xFFFFFFFF, {}
            return b""
        if self.next is None:
            self.next = sequence
        if data:
            self.early[sequence] = max(self.early.get(sequence, b""), data, key=len)
        return b"".join(self._continuous())

    def _continuous(self) -> Iterator[bytes]:
        found = True
        while found:
            found = False
            for sequence in sorted(self.early, key=self._distance):
                behind = -self._distance(sequence)
                if behind < 0:
                    break
                fresh = self.early.pop(sequence)[behind:]
                self.next = (self.next + len(fresh)) & 0xFFFFFFFF
                found = True
                yield fresh

    def _distance(self, sequence: int) -> int:
        return (sequence - self.next + 2**31) % 2**32 - 2**31


def streams(path: Path, port: int) -> Iterator[tuple[Flow, bool, bytes]]:
    """Flow, whether its connection began again, and bytes, for segments from or to `port`."""
    assemblies: dict[Flow, Assembly] = {}
    for flow, sequence, flags, data in segments(path):
        if port in {flow[1], flow[3]}:
            fresh = assemblies.setdefault(flow, Assembly()).add(sequence, flags, data)
            yield flow, bool(flags & 2), fresh
