"""What this process weighs: its proportional set size, as the kernel counts it."""

from pathlib import Path


def pss_bytes(file: Path = Path("/proc/self/smaps_rollup")) -> int | None:
    """Proportional set size in bytes; None where the kernel does not say. Costs about a millisecond."""
    try:
        lines = file.read_text("ascii").splitlines()
    except OSError:
        return None
    found = next((line.split() for line in lines if line.startswith("Pss:")), None)
    return int(found[1]) * 1024 if found is not None else None
