"""The bench of trust measures what it says: what it computes is right, whatever it takes."""

from twinvouch.app.bench import trust


def test_every_figure_is_there_and_what_is_evaluated_equals_brute_force() -> None:
    figures = trust.run()
    assert figures["retro_equals_bruteforce"] is True
    assert figures["retro_entries"] > trust.LEDGER_BATCHES
    assert 0 < figures["retro_executed"] < figures["retro_touched"] < figures["retro_entries"]
    asked = {"labels_vs_values", "topology_ms", "taint_ms", "retro_taint_s", "hash_chain_ratio"}
    assert asked <= set(figures)
    assert figures["labels_vs_values"] == max(figures[f"labels_vs_values_fan{f}"] for f in (5, 20))
