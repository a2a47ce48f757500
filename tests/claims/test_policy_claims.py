"""C11 of docs/explanation/threat-model.md: what the gates ask of the policy, with one thing left out of the question."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.claims.site import Toy, make_site, permits
from tests.claims.test_model_claims import WEIGHTS, submit
from twinvouch.adapters.cedar import default_policy
from twinvouch.commands.register import shown
from twinvouch.core.ports import Policy, PolicyAnswer, PolicyRequest
from twinvouch.core.statement import Verb

INNER = default_policy()
Left = tuple[str, str, str]  # action, part of the question, name in it


@dataclass
class Forgetful:
    """The default policy, asked without one thing; what it was asked, and what it answered where that was missing."""

    left_out: Left | None = None
    asked: set[Left] = field(default_factory=set)
    answers: list[PolicyAnswer] = field(default_factory=list)

    @property
    def digest(self) -> bytes:
        return INNER.digest

    def decide(self, request: PolicyRequest) -> PolicyAnswer:
        for part in ("attributes", "context"):
            for name in getattr(request, part):
                self.asked.add((request.action, part, name))
        if self.left_out is None or self.left_out[0] != request.action:
            return INNER.decide(request)
        _, part, name = self.left_out
        kept = {k: v for k, v in getattr(request, part).items() if k != name}
        self.answers.append(INNER.decide(replace(request, **{part: kept})))
        return self.answers[-1]


def life(directory: Path, policy: Policy) -> tuple[int, list[int]]:
    """Everything that anybody may do, once: how many permits came of it, and the codes of the other answers."""
    toy = Toy(directory, replace(make_site(), policy=policy))
    toy.read()
    codes = [toy.ask("bob", "readTags", ("tank/level",)).code, toy.ask("bob", "readStatus").code]
    codes += [toy.ask("actuator-1", "takePermits").code, submit(toy, {"w.json": WEIGHTS}).code]
    codes += [toy.say("bob", Verb.DISTRUST, "tank/flow")[0].code]
    codes += [toy.say("ann", Verb.RESTORE, "tank/flow")[0].code]
    codes += [toy.say("bob", Verb.MAINTENANCE, "roof")[0].code]
    codes += [toy.advise("pump")[0].code, toy.ask("bob", "readAdvice").code]
    issued = [*permits(toy.propose("valve/opening", 0.6)[1])]
    for _ in range(2):
        toy.propose("pump/run", 1.0)
    held = [r.command.id for r in toy.memory.records.values() if r.status.value == "held"]
    for person in ("ann", "bob") if held else ():
        record = toy.memory.records[held[0]]
        digest = shown(record.command, record.decision)
        issued += permits(toy.say(person, Verb.APPROVE, held[0], shown=digest)[1])
    if held:
        codes.append(toy.say("bob", Verb.REJECT, held[1])[0].code)
    toy.core.close()
    return len(issued), codes


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[Left]:
    """Everything that the gates tell the policy, in a life in which all is allowed."""
    policy = Forgetful()
    issued, codes = life(tmp_path_factory.mktemp("whole"), policy)
    assert (issued, set(codes)) == (2, {200})
    return sorted(policy.asked)


def test_c11_the_policy_allows_nothing_when_an_attribute_of_the_question_is_missing(
    asked: list[Left], tmp_path: Path
) -> None:
    actions = {action for action, _, _ in asked}
    assert actions >= {
        "readTags", "readStatus", "takePermits", "submitModel", "propose", "approve", "execute",
        "distrust", "restore", "reject", "ticket",
    }  # fmt: skip
    assert len(asked) > 25
    for number, left_out in enumerate(asked):
        policy = Forgetful(left_out)
        directory = tmp_path / str(number)
        directory.mkdir()
        issued, _ = life(directory, policy)
        assert policy.answers, left_out
        assert not any(a.allowed for a in policy.answers), left_out
        if left_out[0] in {"propose", "execute"}:
            assert issued == 0, left_out
        if left_out[0] == "approve":
            assert issued == 1, "what needs approvals gets no permit"
