import pytest

from twinvouch.app.bench import durable_commands


def test_every_command_is_allowed_and_its_time_has_two_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(durable_commands, "WARM_UP", 2)
    monkeypatch.setattr(durable_commands, "MEASURED", 30)
    found = durable_commands.run()
    assert (found["durable_commands"], found["durable_commands_allowed"]) == (30, 30)
    assert 0 < found["durable_minus_fsync_p50_ms"] < found["durable_command_p50_ms"]
    assert 0 < found["durable_fsync_p50_ms"] < found["durable_command_p50_ms"]
