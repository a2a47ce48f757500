import pytest

from twinvouch.app.bench import ledger, proofs


def test_the_bench_gives_the_named_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small sizes: that it runs and what it prints, never how fast it is."""
    monkeypatch.setattr(ledger, "ROUNDS", 1)
    monkeypatch.setattr(proofs, "LOG", 10_000)
    monkeypatch.setattr(proofs, "PROOFS", 3)
    figures = ledger.run()
    assert {
        "ledger_vs_sha256_10k",
        "ledger_ns_per_reading_10k",
        "ledger_bytes_per_reading",
        "proof_us",
        "proof_check_us",
    } <= set(figures)
    assert all(value > 0 for value in figures.values())
    assert 8.0 < figures["ledger_bytes_per_reading"] < 8.5  # 50 doubles and their time a row


def test_the_bench_of_proofs_gives_the_named_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("LOG", 10_000), ("PROOFS", 3), ("ROUNDS", 1)):
        monkeypatch.setattr(proofs, name, value)
    figures = proofs.run()
    wanted = {"proof_us", "proof_cold_us", "proof_check_us", "receipt_verify_ms", "receipt_bytes"}
    assert wanted <= set(figures)
    assert all(value > 0 for value in figures.values())
