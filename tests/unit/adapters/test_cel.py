import subprocess
import sys
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinvouch.adapters.cel import CelCondition, variable, variables
from twinvouch.core.inventory import Tag

LEVEL, FLOW = "tank-1/level", "tank-1/flow.a"
TAGS = (Tag(LEVEL, "m", low=0, high=10), Tag(FLOW, "l/s", low=-5, high=50))


def test_an_interlock_holds_where_the_expression_is_true():
    condition = CelCondition("tank_1_level > 2.0 && tank_1_flow_a <= 30.0", TAGS)
    assert condition.holds({LEVEL: 2.5, FLOW: 30.0})
    assert not condition.holds({LEVEL: 2.0, FLOW: 30.0})
    assert not condition.holds({LEVEL: 2.5, FLOW: 30.1})
    assert condition.tags == (FLOW, LEVEL)
    assert condition.text.startswith("tank_1_level")


def test_names_of_tags_in_expressions():
    assert variable("plc-1/pump.2 speed") == "plc_1_pump_2_speed"
    assert variables("b_x > 1.0 || a_y < b_x") == ("a_y", "b_x")


@pytest.mark.parametrize("missing", [{}, {LEVEL: 5.0}, {FLOW: 5.0}])
def test_a_missing_tag_is_false(missing):
    assert not CelCondition("tank_1_level > 2.0 || tank_1_flow_a > 0.0", TAGS).holds(missing)


@pytest.mark.parametrize("value", [nan, inf, -inf])
@pytest.mark.parametrize(
    "text",
    [
        "tank_1_level != 5.0",
        "tank_1_level > 2.0",
        "tank_1_level < 2.0",
        "!(tank_1_level < 2.0)",
        "true || tank_1_level > 1.0",
    ],
)
def test_what_is_not_finite_is_false_in_every_form(text, value):
    condition = CelCondition(text, TAGS)
    assert not condition.holds({LEVEL: value, FLOW: 1.0})


def test_tags_that_the_expression_does_not_read_do_not_matter():
    assert CelCondition("tank_1_level > 2.0", TAGS).holds({LEVEL: 3.0, FLOW: nan})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "does not compile"),
        ("tank_1_level >", "does not compile"),
        ("tank_1_level > 2.0 and true", "does not compile"),
        ("tank_1_levle > 2.0", "`tank_1_levle`, which is no tag"),
        ("tank_1_level > 2.0 || typo > 1.0", "`typo`, which is no tag"),
        ("tank_1_level", "gives float"),
        ("tank_1_level > 5.0 ? true : 1", "gives int"),
        ("tank_1_level + 1 > 2.0", "decimal point"),
        ("tank_1_level > 9.0 && tank_1_flow_a", "fails|gives"),
        ("true", "reads no tag"),
        ("1.0 < 2.0", "reads no tag"),
        ("tank_1_level / 0.0 > 1.0", "uses _/_"),
        ("[tank_1_level].exists(x, x > 1.0)", "uses"),
        ("string(tank_1_level).matches('(a+)+$')", "uses matches, string"),
        ("tank_1_level > 2.0 // " + "x" * 2000, "too long"),
        ("(" * 200 + "tank_1_level > 1.0" + ")" * 200, "does not compile"),
    ],
)  # fmt: skip
def test_an_interlock_that_cannot_be_used_is_refused_by_name(text, said):
    with pytest.raises(ValueError, match=said) as caught:
        CelCondition(text, TAGS)
    assert text[:30] in str(caught.value) or "too long" in said


def test_two_tags_with_one_name_are_refused():
    tags = (Tag("a-1/x", ""), Tag("a_1/x", ""))
    with pytest.raises(ValueError, match="may be `a-1/x` or `a_1/x`"):
        CelCondition("a_1_x > 1.0", tags)


def test_an_error_hidden_behind_a_short_circuit_is_found_at_load():
    with pytest.raises(ValueError, match="fails at"):
        CelCondition("tank_1_level > 1.0 || tank_1_flow_a + 1 > 2.0", TAGS)
    many = tuple(Tag(f"t-{i}/x", "", low=0, high=10) for i in range(9))
    text = " || ".join(f"t_{i}_x > 1.0" for i in range(8))
    with pytest.raises(ValueError, match="fails at"):
        CelCondition(f"{text} || t_8_x + 1 > 2.0", many)


def test_the_library_is_loaded_only_where_an_interlock_exists():
    code = "import sys, twinvouch.adapters.cel; sys.exit('cel' in sys.modules or 'rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=60), st.text("tank_1level><=!&|+-*()?:.0 5,[]{}'x", max_size=40)))
def test_any_text_is_a_condition_or_a_value_error(text):
    try:
        condition = CelCondition(text, TAGS)
    except ValueError:
        return
    assert condition.holds({LEVEL: 1.0, FLOW: 1.0}) in {True, False}


@settings(max_examples=100, deadline=None)
@given(st.floats(), st.floats())
def test_values_of_any_kind_never_raise(level, flow):
    condition = CelCondition(
        "tank_1_level * tank_1_flow_a - 1.0 > 2.0 || -tank_1_level > 1.0", TAGS
    )
    expected = level * flow - 1.0 > 2.0 or -level > 1.0
    finite = abs(level) < inf and abs(flow) < inf
    assert condition.holds({LEVEL: level, FLOW: flow}) is (finite and expected)
