"""What persons distrust, computed again from the accepted statements: plainly, and apart from the engine.

An oracle: it takes the log in order and expands a tag, an edge or a key on its own, by the bytes that came. In a
simulated plant every principal has one key, so a key is what its owner signs, and an edge is what its scan groups are.
"""

from hashlib import sha256

from twinvouch.core.command import Permit
from twinvouch.core.event import CommandProposed, Event, StatementReceived
from twinvouch.core.site import Site
from twinvouch.wire.command import read_command
from twinvouch.wire.cose import unseal
from twinvouch.wire.disavowal import is_disavowal, read_disavowal
from twinvouch.wire.statement import read_statement


class Distrusts:
    """Takes every accepted event; `tags` are those that count as nothing, `objection` what a permit may not be made from."""

    def __init__(self, site: Site) -> None:
        self._plant, self._forward_ns = site.plant, site.distrust.forward_ns
        self._until: dict[str, int] = {}
        self._signed: dict[str, str] = {}  # id of a command -> key id in hex

    def take(self, event: Event, now_ns: int) -> None:
        """An event that was answered with 200."""
        if isinstance(event, StatementReceived):
            content = unseal(event.raw).content
            if is_disavowal(content):
                subject = read_disavowal(content, self._plant.id).subject
                until = now_ns + self._forward_ns
                self._until[subject] = max(self._until.get(subject, 0), until)
                return
            said = read_statement(content, self._plant.id)
            if said.verb.value == "distrust":
                self._until[said.subject] = said.expires_ns
            elif said.verb.value == "restore":
                self._until.pop(said.subject, None)
        elif isinstance(event, CommandProposed):
            sealed = unseal(event.raw)
            command = read_command(sealed.content, self._plant.id, signed=True)
            self._signed[command.id] = sealed.key_id.hex()

    def tags(self, now_ns: int) -> set[str]:
        """Every tag that counts as nothing now."""
        said = {subject for subject, until in self._until.items() if until > now_ns}
        found = said & set(self._plant.tags)
        for group in self._plant.groups.values():
            if said & {group.edge, self._key(group.edge)}:
                found |= {tag.id for tag in group.tags}
        return found

    def objection(self, permit: Permit, command: str, now_ns: int) -> str:
        """Why no permit may be made for this command now; empty where one may."""
        tag = self._plant.tags[permit.tag]
        limits = tag.limits
        used = set() if limits is None else {*limits.controlled, *limits.interlock_tags}
        if bad := used & self.tags(now_ns):
            return f"a permit for `{permit.tag}` was made while {sorted(bad)} were distrusted"
        if self._until.get(self._signed.get(command, ""), 0) > now_ns:
            return (
                f"a permit for `{permit.tag}` was made while the key of its command was distrusted"
            )
        return ""

    def _key(self, principal: str) -> str:
        """The id of the only key of a principal, in hex."""
        return sha256(self._plant.principals[principal].key).digest()[:8].hex()
