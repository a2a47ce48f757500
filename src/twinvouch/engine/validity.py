"""A model that expires while it judges readings goes on judging them: silence of a check is worse than its age. It is told, once a run."""

from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.models.gate import outlived

_TOLD = "expiry_told"


def begin(m: Memory) -> None:
    """A start: what has expired is told once more."""
    for name, model in m.models.items():
        if model.get(_TOLD):
            _mark(m, name, is_told=False)


def tell(m: Memory, out: Out) -> None:
    """With every Tick: the finding, where the model at work has expired and that was not told yet."""
    detector = m.detector()
    if detector is None:
        return
    model = m.models[detector.model]
    until_ns = model["valid_until_ns"]
    assert isinstance(until_ns, int)
    if until_ns <= m.now_ns and not model.get(_TOLD):
        _mark(m, detector.model, is_told=True)
        out.report([outlived(detector.model, until_ns)])


def _mark(m: Memory, name: str, *, is_told: bool) -> None:
    m.models[name] = {**m.models[name], _TOLD: is_told}
    m.dirty.add(f"model/{name}")
