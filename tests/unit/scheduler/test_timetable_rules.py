"""Which rules are taken, and that none of them holds up the planner."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.errors import RuleInvalid
from scheduler.recurrence import check_rule
from scheduler.timetable import Rule, occurrences
from tests.unit.scheduler.test_timetable import HA_NOI

REFUSED = {
    "FREQ=HOURLY": "FREQ=HOURLY",
    "FREQ=DAILY;BYSETPOS=1": "BYSETPOS=1",
    "FREQ=DAILY;FREQ=DAILY": "stands twice",
    "BYDAY=MO;FREQ=WEEKLY": "FREQ comes first",
    "FREQ=DAILY;COUNT=2;UNTIL=20221031": "exclude each other",
    "FREQ=DAILY;UNTIL=20221399": "UNTIL",
    "FREQ=DAILY;INTERVAL=0": "INTERVAL=0",
    "FREQ=WEEKLY;BYDAY=2": "BYDAY=2",
    "FREQ=WEEKLY;BYDAY=1MO": "numbered weekday",
    "FREQ=MONTHLY;BYDAY=-2MO": "BYDAY=-2MO",
    "FREQ=YEARLY;BYDAY=1MO": "needs BYMONTH",
    "FREQ=MONTHLY;BYMONTHDAY=32": "BYMONTHDAY=32",
    "FREQ=MONTHLY;BYMONTHDAY=0": "BYMONTHDAY=0",
    "FREQ=YEARLY;BYMONTH=13": "BYMONTH=13",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30": "never airs",
    "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=4,6": "never airs",
    "FREQ=DAILY;INTERVAL=7;BYDAY=MO": "never airs",
    "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31": "never airs",
    "DTSTART:20220101": "not understood",
    "FREQ": "not understood",
    "LUNAR": "needs a DAY",
    "LUNAR=1;DAY=15": "not understood",
    "LUNAR;DAY=31": "DAY=31",
    "LUNAR;DAY=0": "DAY=0",
    "LUNAR;MONTH=13;DAY=1": "MONTH=13",
    "LUNAR;BYDAY=MO": "BYDAY=MO",
    "LUNAR;DAY=15;COUNT=2;UNTIL=20221031": "exclude each other",
    "DAY=15;LUNAR": "not understood",
    "": "not understood",
    "FREQ=WEEKLY;BYDAY=" + ",".join(["MO"] * 80): "200 letters",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_rule_that_we_cannot_keep_is_refused_with_its_part(text: str) -> None:
    """What is not understood is said, and nothing is passed over in silence."""
    with pytest.raises(RuleInvalid) as refused:
        check_rule(text)

    assert REFUSED[text] in str(refused.value)


@given(
    st.text("FREQ=DAILYWKMONTHBU;,-0123456789", max_size=60)
    | st.text("0123456789,-;=", max_size=20).map("LUNAR;DAY=".__add__)
)
@settings(max_examples=500, deadline=None)
def test_no_text_does_anything_but_pass_or_be_refused(text: str) -> None:
    """A rule comes from a form: it is taken or refused, and never breaks the planner."""
    try:
        check_rule(text)
    except RuleInvalid:
        return
    rule = Rule(time(5), 60, text, date(2022, 1, 1), None)
    assert len(list(occurrences(rule, date(2022, 1, 1), date(2022, 3, 1), HA_NOI))) <= 60


PARTS = st.fixed_dictionaries(
    {"FREQ": st.sampled_from(("DAILY", "WEEKLY", "MONTHLY", "YEARLY"))},
    optional={
        "INTERVAL": st.integers(1, 999).map(str),
        "COUNT": st.integers(1, 20).map(str),
        "BYDAY": st.sampled_from(("MO", "SU,SA", "5SA", "-1FR", "1MO")),
        "BYMONTHDAY": st.sampled_from(("1", "29", "30,31", "-1")),
        "BYMONTH": st.sampled_from(("2", "4,6", "12")),
    },
)


@given(parts=PARTS, begin=st.dates(date(2020, 1, 1), date(2024, 12, 31)))
@settings(max_examples=200, deadline=10_000)  # a search to the year 9999 takes 13 to 47 s
def test_every_rule_that_is_taken_can_be_expanded_in_no_time(
    parts: dict[str, str], begin: date
) -> None:
    """One slot that airs never again must not hold up the planning of a province."""
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        check_rule(text)
    except RuleInvalid:
        return
    rule = Rule(time(5), 60, text, begin, None)

    found = [one.on for one in occurrences(rule, date(2025, 1, 1), date(2025, 3, 31), HA_NOI)]

    assert found == sorted(set(found))
