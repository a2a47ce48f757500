"""C42 of docs/explanation/threat-model.md: low-trust data removes or delays commands, and creates or changes none."""

from twinvouch.app.noninterference.judge import pair


def test_c42_what_low_sources_say_creates_and_changes_no_command() -> None:
    """Pairs of other seeds than the property test's; a violation names its seed."""
    found = [pair(seed) for seed in range(50_000, 50_040)]
    assert {p.seed: p.violations for p in found if p.violations} == {}
    assert any(d.kind == "removed" for p in found for d in p.differences), "it can matter"
    assert sum(p.numbers["executed"] for p in found) > 10
