import pytest

from twinvouch.app.bench import lookahead


def test_every_figure_is_of_certified_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookahead, "DECISIONS", 1)
    monkeypatch.setattr(lookahead, "FEW", 1)
    monkeypatch.setattr(lookahead, "ASKED", 4)
    monkeypatch.setattr(lookahead, "AT_ONCE", 2)
    monkeypatch.setattr(lookahead, "_grid", lookahead._building)
    figures = lookahead.run()
    assert figures["building_members"] == 5
    residuals = [v for k, v in figures.items() if k.endswith("_residual") and "964" not in k]
    assert len(residuals) >= 2
    assert all(isinstance(r, float) and r < 1e-3 for r in residuals)
    waits = [v for k, v in figures.items() if "_ms_" in k]
    assert all(isinstance(w, float) and w >= 0 for w in waits)
