"""Who may do what, as Cedar policies: parsed and validated once, the schema passed with every question.

Two traps, both measured: a `forbid` that meets a missing attribute is skipped, so that without a schema
the answer is Allow; and a caller's flag that a policy believes overrides everything. So: trust belongs
inside `permit`, every error counts as a denial even where a permit spoke, and the gates work out flags.
"""

from collections.abc import Hashable, Mapping
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from json import dumps

import cedarpy

from twinvouch.core.errors import ConfigError
from twinvouch.core.ports import PolicyAnswer, PolicyRequest

KINDS = {"person": "Person", "service": "Service", "edge": "Edge"}
MAX_ANSWERS = 2048  # under a kilobyte each; the same is asked again and again
MAX_KEPT = 512  # pairs of principal and resource, some 8 kB each; who reads a command names its id
INTEGER = range(-(2**63), 2**63)  # Cedar's Long


class CedarPolicy:
    """The `Policy` port over one policy set and its schema; both as text.

    Raises ConfigError where they do not parse or the policies do not fit the schema.
    """

    def __init__(self, text: str, schema: str) -> None:
        try:
            self._schema = cedarpy.Schema.from_str(schema)
            self._policies = cedarpy.PolicySet.from_str(text)
        except ValueError as error:
            raise ConfigError(f"policy does not parse: {error}") from error
        checked = cedarpy.validate_policies(text, self._schema)
        if not checked.validation_passed:
            found = "; ".join(str(e.error) for e in checked.errors)
            raise ConfigError(f"policy does not fit its schema: {found}")
        self._kept: dict[Hashable, cedarpy.Entities] = {}
        self._answers: dict[Hashable, PolicyAnswer] = {}
        self._digest = sha256(
            sha256(text.encode()).digest() + sha256(schema.encode()).digest()
        ).digest()

    @property
    def digest(self) -> bytes:
        """SHA-256 over the SHA-256 of the policy text and that of the schema text."""
        return self._digest

    def decide(self, request: PolicyRequest) -> PolicyAnswer:
        """Answer one request. An error of any kind is a denial that says what went wrong.

        An answer depends on its request alone, so it is kept: well below 0.1 ms, and 10 us where it was asked before.
        """
        wrong = _wrong(request)
        if wrong:
            return PolicyAnswer(allowed=False, why=wrong)
        key = _key(request)
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= MAX_ANSWERS:
                self._answers.clear()
            answer = self._answers[key] = self._asked(request)
        return answer

    def _asked(self, request: PolicyRequest) -> PolicyAnswer:
        question = {
            "principal": {"type": KINDS[request.principal_kind], "id": request.principal},
            "action": {"type": "Action", "id": request.action},
            "resource": {"type": request.resource_type, "id": request.resource},
            "context": dict(request.context),
        }
        try:
            entities = self._entities(request)
            result = cedarpy.is_authorized(question, self._policies, entities, self._schema)
        except (ValueError, TypeError, OverflowError) as error:
            return PolicyAnswer(allowed=False, why=f"the policy could not be asked: {error}")
        return _answer(request, result)

    def _entities(self, request: PolicyRequest) -> cedarpy.Entities:
        """Who and what, checked against the schema; kept, since the same ask for the same again."""
        key = _who_and_what(request)
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            kept = self._kept[key] = _entities(request, self._schema)
        return kept


@lru_cache(maxsize=1)
def default_policy() -> CedarPolicy:
    """The policy that comes with twinvouch, made once in a process."""
    text, schema = default_texts()
    return CedarPolicy(text, schema)


def default_texts() -> tuple[str, str]:
    """Texts of the default policy and of its schema."""
    folder = files("twinvouch.app")
    return (
        folder.joinpath("policy.cedar").read_text(encoding="utf-8"),
        folder.joinpath("policy.cedarschema").read_text(encoding="utf-8"),
    )


def _who_and_what(r: PolicyRequest) -> Hashable:
    return r.principal_kind, r.principal, r.roles, r.resource_type, r.resource, _typed(r.attributes)


def _key(r: PolicyRequest) -> Hashable:
    return _who_and_what(r), r.action, _typed(r.context)


def _typed(values: Mapping[str, int | str | bool]) -> Hashable:
    """With types, since True equals 1 and is another value to a policy; the order of names is that of whoever asks."""
    return tuple((name, type(value), value) for name, value in values.items())


def _entities(request: PolicyRequest, schema: cedarpy.Schema) -> cedarpy.Entities:
    who = {"type": KINDS[request.principal_kind], "id": request.principal}
    what = {"type": request.resource_type, "id": request.resource}
    roles = [{"type": "Role", "id": r} for r in sorted(request.roles)]
    listed = [
        {"uid": who, "attrs": {}, "parents": roles},
        {"uid": what, "attrs": dict(request.attributes), "parents": []},
    ]
    return cedarpy.Entities.from_json_str(dumps(listed), schema)


def _wrong(request: PolicyRequest) -> str:
    """What makes a request unfit to be asked at all; empty where nothing does."""
    named = {
        "principal": request.principal,
        "action": request.action,
        "resource type": request.resource_type,
        "resource": request.resource,
    }
    missing = [what for what, text in named.items() if not text]
    if missing:
        return f"the question names no {missing[0]}"
    if request.principal_kind not in KINDS:
        return f"`{request.principal_kind}` is no kind of principal"
    return _wrong_value(request.attributes) or _wrong_value(request.context)


def _wrong_value(values: Mapping[str, int | str | bool]) -> str:
    for name, value in values.items():
        if type(value) not in {int, str, bool} or (type(value) is int and value not in INTEGER):
            return f"`{name}` is neither an integer, a text nor a truth value"
    return ""


def _answer(request: PolicyRequest, result: cedarpy.AuthzResult) -> PolicyAnswer:
    diagnostics = result.diagnostics
    if diagnostics.errors:
        return PolicyAnswer(allowed=False, why=f"the policy failed: {diagnostics.errors[0][:300]}")
    names = diagnostics.id_annotations_by_reason
    spoke = ", ".join(f"`{names.get(r) or r}`" for r in diagnostics.reasons)
    if result.decision is cedarpy.Decision.Allow and spoke:
        return PolicyAnswer(allowed=True, why=f"permitted by policy {spoke}")
    if spoke:
        return PolicyAnswer(allowed=False, why=f"forbidden by policy {spoke}")
    roles = ", ".join(sorted(request.roles)) or "none"
    return PolicyAnswer(
        allowed=False, why=f"no policy permits {request.action} to its roles ({roles})"
    )
