"""What redundant tags say together, from the frame, and where a user sees it."""

from dataclasses import replace
from pathlib import Path

from tests.claims.site import Toy, make_site
from twinvouch.app.api.views import status
from twinvouch.core.declared import Declarations, Redundancy, by_group
from twinvouch.core.inventory import Domains
from twinvouch.core.label import expired
from twinvouch.core.site import Site
from twinvouch.twin.estimate import estimate, redundancies

TAGS = ("tank/flow", "tank/level", "roof/temperature")


def site(domains: tuple[Domains, ...]) -> Site:
    """The toy plant, whose three tags are said to measure one thing."""
    made = make_site()
    told = Declarations(redundancy=(Redundancy("level", TAGS, 0.5),))
    tags = {t: replace(made.plant.tags[t], domains=d) for t, d in zip(TAGS, domains, strict=True)}
    groups = {n: g.ids for n, g in made.plant.groups.items()}
    plant = replace(
        made.plant, tags={**made.plant.tags, **tags}, declared=by_group(groups, told), classes={}
    )
    return replace(made, plant=plant)


def apart(n: int) -> Domains:
    return Domains(*(f"{part}-{n}" for part in "ezvkt"))


def told(directory: Path, domains: tuple[Domains, ...], **values: float) -> tuple[Toy, object]:
    toy = Toy(directory, site(domains))
    fast = {"tank/flow": values["flow"], "tank/level": values["level"]}
    toy.read(values=fast)
    toy.read("edge-2", "slow", values={"roof/temperature": values["roof"]})
    return toy, status(toy.memory)["redundancy"]


def test_two_independent_ones_outvote_the_third_and_the_raw_label_stays(tmp_path: Path) -> None:
    toy, shown = told(tmp_path, (apart(0), apart(1), apart(2)), flow=6.0, level=6.0, roof=6.0)
    (entry,) = shown  # type: ignore[misc]
    assert (entry["independent"], entry["agreeing"]) == (3, 3)
    assert entry["label"]["plausibility"] == 255, "the roof is outside its range and outvoted"
    assert entry["label"]["identity"] == 120
    assert toy.memory.label(["roof/temperature"]).axes[2, 0] == 20
    (of,) = redundancies(toy.site.plant)
    label = expired(toy.memory.label(of.tags), toy.now)
    assert estimate(of, toy.site.plant, toy.memory.frame, label).agreed.value == 6.0


def test_tags_of_one_edge_are_one_voice(tmp_path: Path) -> None:
    shared = replace(apart(1), edge="e-0")
    _, shown = told(tmp_path, (apart(0), shared, apart(2)), flow=6.0, level=6.0, roof=6.0)
    (entry,) = shown  # type: ignore[misc]
    assert (entry["independent"], entry["label"]["plausibility"]) == (2, 20)


def test_what_was_never_read_counts_as_nothing(tmp_path: Path) -> None:
    toy = Toy(tmp_path, site((apart(0), apart(1), apart(2))))
    (entry,) = status(toy.memory)["redundancy"]  # type: ignore[misc]
    assert (entry["agreeing"], set(entry["label"].values())) == (0, {0})
