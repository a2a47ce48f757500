"""Many pairs in numbers: what was removed, delayed or excepted, and what must be nought; and whether the test could have failed."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from twinvouch.app.noninterference.judge import EXCEPTIONS, VIOLATIONS, pair

KINDS: Final = (*VIOLATIONS, "removed", "delayed", *EXCEPTIONS)
EVERY: Final = 100  # pairs between two lines of progress


def figures(seed: int, pairs: int, say: Callable[[str], None]) -> tuple[dict[str, Any], bool]:
    """Pairs from seed `seed` on; figures, and whether nothing was created or changed. Each violation is said with its seed."""
    began = time.process_time()
    numbers: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for n in range(seed, seed + pairs):
        found = pair(n)
        numbers.update(found.numbers)
        kinds.update(d.kind for d in found.differences)
        for d in found.violations:
            again = f"./dev bench noninterference --pairs 1 --seed {n}"
            say(f"seed {n}: command {d.command[:4]} on `{d.tag}` was {d.kind}; {again}")
        if (n - seed + 1) % EVERY == 0:
            say(f"{n - seed + 1} pairs, {sum(kinds[k] for k in VIOLATIONS)} violations")
    told = {kind: kinds[kind] for kind in KINDS}
    cpu_s = round(time.process_time() - began, 1)
    counted = {name: numbers[name] for name in sorted(numbers)}
    is_ok = not any(kinds[k] for k in VIOLATIONS)
    return {"pairs": pairs, "seed": seed, **told, **counted, "cpu_s": cpu_s}, is_ok
