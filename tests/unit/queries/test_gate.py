import pytest

from tests.unit.commands.world import FLOW, LEVEL, site
from twinvouch.core.event import QueryAsked
from twinvouch.core.ports import PolicyAnswer
from twinvouch.queries.gate import RESOURCES, decide


def ask(principal="olga", action="readTags", resource="*", tags=(), on=None):
    return decide(QueryAsked(bytes(16), principal, action, resource, "shift", tags), on or site())


@pytest.mark.parametrize("action", sorted(RESOURCES))
def test_anonymous_and_unknown_principals_read_nothing(action):
    assert ask("", action).why == "anonymous: reading needs a known principal"
    assert not ask("", action).allowed
    assert "no principal of plant `net3`" in ask("mallory", action).why


@pytest.mark.parametrize(
    "action", ["", "execute", "propose", "approve", "submitModel", "readEverything"]
)
def test_what_is_no_kind_of_read_is_denied(action):
    assert not ask("eva", action).allowed
    assert "not a kind of read" in ask("eva", action).why


@pytest.mark.parametrize(
    ("who", "reads"),
    [
        ("vera", "readStatus readMetrics"),
        ("olga", "readTags stream readStatus readMetrics readCommands readFindings"),
        ("eva", "readTags stream readStatus readMetrics readCommands readFindings readModels readLineage"),
        ("anna", "readFindings readModels readLineage"),
        ("udo", "readLedger readLineage readFindings readCommands readQueries"),
        ("van", "readModels"),
        ("adam", "readTags stream export readStatus readMetrics readCommands readFindings readModels readLedger readLineage readQueries"),
        ("mona", ""),
        ("script", ""),
        ("edge-1", ""),
        ("actuator-1", "takePermits"),
    ],
)  # fmt: skip
def test_who_reads_what_on_a_plant_with_a_secret_tag(who, reads):
    advice = {"readAdvice"} if "readCommands" in reads else set()
    virtual = {"readVirtual"} if "readTags" in reads else set()  # asked as the tags that it is of
    assert {a for a in RESOURCES if ask(who, a).allowed} == {*reads.split(), *advice, *virtual}


def test_tags_count_with_the_highest_confidentiality_shown():
    assert ask("vera", tags=(LEVEL,)).allowed
    assert ask("vera", resource=LEVEL).allowed
    assert not ask("vera", tags=(LEVEL, FLOW)).allowed
    assert not ask("vera", resource=FLOW).allowed
    assert not ask("vera", resource=LEVEL, tags=(FLOW,)).allowed
    assert not ask("vera").allowed  # all of the plant, the secret one too
    assert ask("anna", "export", tags=(LEVEL,)).allowed


def test_an_unknown_tag_is_denied_and_named():
    assert ask("eva", resource="tank-9/level").why == "`tank-9/level` is no tag of plant `net3`"
    assert not ask("eva", tags=(LEVEL, "tank-9/level")).allowed


def test_the_question_to_the_policy():
    asked = []

    class Recorder:
        digest = bytes(32)

        def decide(self, request):
            asked.append(request)
            return PolicyAnswer(allowed=False, why="no")

    answer = ask("actuator-1", "takePermits", on=site(policy=Recorder()))
    assert (answer.allowed, answer.why) == (False, "no")
    (request,) = asked
    assert (request.principal_kind, request.resource_type, request.resource) == (
        "service",
        "System",
        "*",
    )
    assert dict(request.context) == {"purpose": "shift", "is_actuator": True}
    assert dict(request.attributes) == {"plant": "net3"}
