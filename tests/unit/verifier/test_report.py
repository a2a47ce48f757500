from twinvouch.verifier.report import Contents, Fault, Report, as_plain, as_text


def report(contents: Contents, *faults: Fault) -> Report:
    return Report("dir", "net3/0", 5, bytes(32), 3, contents, faults, ("tile/0/000.p/9",))


def test_a_good_report_says_verified() -> None:
    contents = Contents()
    contents.count("batch", "net3", 1_700_000_000_000_000_000)
    text = as_text(report(contents))
    assert "VERIFIED: 3 files" in text
    assert "from 2023-11-14T22:13:20Z to 2023-11-14T22:13:20Z" in text
    assert "not covered by the checkpoint: tile/0/000.p/9" in text
    assert as_plain(report(contents))["ok"] is True


def test_a_bad_report_names_places() -> None:
    text = as_text(report(Contents(), Fault("entry 7", "is bad")))
    assert "BAD entry 7: is bad" in text
    assert "NOT VERIFIED" in text


def test_text_out_of_a_ledger_cannot_control_the_terminal() -> None:
    contents = Contents()
    contents.count("batch", "\x1b[2J\u202egreen", 0)
    assert "\\x1b[2J\\u202egreen" in as_text(report(contents))


def test_times_beyond_the_calendar_are_shown_as_numbers() -> None:
    contents = Contents()
    contents.count("batch", "p", -(2**63) * 1000)
    contents.count("batch", "p", 2**64)
    assert f"from {-(2**63) * 1000} ns" in as_text(report(contents))


def test_names_are_counted_up_to_a_limit() -> None:
    contents = Contents()
    for number in range(1500):
        contents.count(f"kind {number}", None, None)
    assert (len(contents.kinds), contents.kinds["others"]) == (1001, 500)
