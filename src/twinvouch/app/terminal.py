"""Text for a terminal: names and reasons are chosen by others, so control characters are made visible."""

CONTROL = {i: f"\\x{i:02x}" for i in (*range(32), *range(127, 160))}


def safe(text: object) -> str:
    """Text that cannot move the cursor, change colours or break a line."""
    return str(text).translate(CONTROL)
