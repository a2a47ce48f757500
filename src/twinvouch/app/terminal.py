"""Text for a terminal: names and reasons are chosen by others, so control characters are made visible."""

import logging

CONTROL = {i: f"\\x{i:02x}" for i in (*range(32), *range(127, 160))}


def safe(text: object) -> str:
    """Text that cannot move the cursor, change colours or break a line."""
    return str(text).translate(CONTROL)


class _Harmless(logging.Formatter):
    """Core and device may have chosen what a message quotes: it cannot move the cursor or fake a line."""

    def format(self, record: logging.LogRecord) -> str:
        return safe(super().format(record))


def log_to_stderr() -> None:
    """Send what the processes log to stderr, from INFO on, made harmless."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Harmless("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("twinvouch")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
