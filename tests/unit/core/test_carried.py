"""S, C and U follow from what rests on what, and only from that."""

import numpy as np

from twinvouch.core.carried import Carried, Standing, carried
from twinvouch.core.graph import ABSENT, fixed, graph


def sources() -> Carried:
    return Carried(
        np.array([[1, 0], [2, 0], [0, 4]], np.uint64),
        np.array([0, 2, 1], np.uint8),
        np.array([1, 0, 4], np.uint32),
        np.array([0b011, 0b110, 0b111], np.uint32),
    )


def test_union_of_domains_join_of_confidentiality_meet_of_purposes() -> None:
    of = graph(7, 3, [fixed(np.array([[0, 1], [1, 2]]), 3), fixed(np.array([[3, 4]]), 5)])
    found = carried(of, sources())
    assert found.domains[3:].tolist() == [[3, 0], [2, 4], [3, 4]]
    assert found.level[3:].tolist() == [2, 2, 2]
    assert found.compartments[3:].tolist() == [1, 4, 5]
    assert found.purposes[3:].tolist() == [0b010, 0b110, 0b010]
    assert found.domains[:3].tolist() == sources().domains.tolist()


def test_what_rests_on_something_absent_may_be_used_for_nothing() -> None:
    found = carried(graph(0, 3, [fixed(np.array([[0, ABSENT]]), 3)]), sources())
    assert (found.purposes[3], found.domains[3].tolist()) == (0, [1, 0])


def test_it_is_computed_again_only_where_the_graph_or_the_sources_change() -> None:
    standing, told = Standing(), sources()
    one = graph(1, 3, [fixed(np.array([[0, 1]]), 3)])
    found = standing.of(one, told)
    assert standing.of(graph(1, 3, one.levels), told) is found
    other = standing.of(graph(2, 3, [fixed(np.array([[0, 2]]), 3)]), told)
    assert other is not found
    assert other.domains[3].tolist() == [1, 4]
    assert standing.of(graph(2, 3, one.levels), sources()) is not other
