"""What may not be written out is hidden, and nothing else."""

import pytest

from twinvouch.adapters.known_secrets import HIDDEN, hidden, remember


def test_a_secret_that_was_read_is_hidden_wherever_it_stands() -> None:
    remember("c2VjcmV0LXNlY3JldA==")
    assert hidden("key=c2VjcmV0LXNlY3JldA==;") == f"key={HIDDEN};"


@pytest.mark.parametrize("header", ["Authorization: Bearer tvt_abcdef", "bearer AAAA.BBBB"])
def test_a_bearer_token_is_hidden_though_nobody_read_it(header: str) -> None:
    assert header.rpartition(" ")[2] not in hidden(header)


def test_the_words_bearer_token_are_no_secret() -> None:
    sentence = "denied: this needs a bearer token (use --as PRINCIPAL)"
    assert hidden(sentence) == sentence


def test_a_short_word_is_not_taken_for_a_secret() -> None:
    remember("run")
    assert hidden("twinvouch run") == "twinvouch run"
