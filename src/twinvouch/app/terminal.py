"""Text for a terminal: names and reasons are chosen by others, so control characters are made visible."""

CONTROL = {i: f"\\x{i:02x}" for i in (*range(32), *range(127, 160))}
# line and paragraph separators, and what turns the direction of text round
CONTROL |= {
    i: f"\\u{i:04x}" for i in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


def safe(text: object) -> str:
    """Text that cannot move the cursor, change colours or break a line."""
    return str(text).translate(CONTROL)
