"""`bench proxy` gives the figures that its page names, and sees what goes past."""

import pytest

from twinvouch.app.bench import proxy_latency, proxy_matrix
from twinvouch.wire.modbus_guard import NAMED


def test_there_is_a_request_for_each_function_code_that_is_handled_by_name() -> None:
    assert proxy_matrix.REQUESTS.keys() == NAMED
    assert not proxy_matrix.UNKNOWN.keys() & NAMED
    assert len(proxy_matrix.UNKNOWN) == 3


def test_a_small_matrix_gives_all_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {c: p for c, p in proxy_matrix.requests().items() if c in {3, 6, 65}}
    monkeypatch.setattr(proxy_matrix, "requests", lambda: few)
    figures = proxy_matrix.run(step=5)
    assert figures["proxy_bypasses"] == figures["proxy_unanswered"] == 0
    assert figures["proxy_requests"] == 3
    assert int(figures["proxy_cases"]) > 2 * 256 * 9
    assert int(figures["proxy_permits_spent"]) > 9
    assert figures["proxy_permits_spent_when_denied"] == 0
    assert "proxy_shown" not in figures


@pytest.mark.slow
def test_what_it_adds_is_the_difference_of_two_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_latency, "WARM_UP", 10)
    monkeypatch.setattr(proxy_latency, "MEASURED", 200)
    figures = proxy_latency.run()
    for p in ("p50", "p99"):
        added = figures[f"proxy_proxied_{p}_us"] - figures[f"proxy_direct_{p}_us"]
        assert figures[f"proxy_added_{p}_us"] == added
    assert figures["proxy_direct_p50_us"] > 0
