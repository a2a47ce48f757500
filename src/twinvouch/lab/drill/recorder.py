"""The path between edge and core, with a memory: which batches the core said it has."""

from collections import Counter
from collections.abc import Mapping
from time import monotonic

from twinvouch.core.batch import Identity
from twinvouch.core.event import Plain
from twinvouch.core.ports import Transport
from twinvouch.wire.batch import read_header
from twinvouch.wire.cose import unseal


class Recorder:
    """Fits ports.Transport. `acknowledged` has the digest of every batch the core has answered for, by identity.

    Where it does not `remember` it only counts: a soak has no use for a list of everything.
    """

    def __init__(self, core: Transport, *, remember: bool) -> None:
        self._core = core
        self._remember = remember
        self.acknowledged: dict[Identity, bytes] = {}
        self.answers: Counter[str] = Counter()
        self.kept = 0  # answers that said so
        self.newest_epoch = 0
        self.last_s = 0.0  # monotonic, of the last acknowledgement

    async def send(self, path: str, body: bytes) -> tuple[int, Mapping[str, Plain]]:
        """Pass a batch on; UnavailableError where the core does not answer, as the edge would have it."""
        status, said = await self._core.send(path, body)
        word = str(said.get("status", ""))
        self.answers[f"{status} {word}"] += 1
        if 200 <= status < 300 and word and word != "refused":
            self.kept += 1
            sealed = unseal(body)
            identity = read_header(sealed.content).identity
            if self._remember:
                self.acknowledged[identity] = sealed.digest
            self.newest_epoch = max(self.newest_epoch, identity.epoch)
            self.last_s = monotonic()
        return status, said
