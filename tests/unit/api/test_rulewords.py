"""How the rule of a slot is told to a person."""

from __future__ import annotations

from datetime import date, time
from zoneinfo import ZoneInfo

import pytest

from api.i18n import Translator
from api.rulewords import describe
from scheduler.recurrence import check_rule
from scheduler.timetable import Rule

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
VI = Translator("vi", ZONE)

DESCRIBED = {
    "FREQ=DAILY": "Hằng ngày lúc 05:00",
    "FREQ=DAILY;INTERVAL=2": "Cách 2 ngày một lần lúc 05:00",
    "FREQ=WEEKLY;BYDAY=MO,WE": "Thứ 2, 4 hằng tuần lúc 05:00",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR,SU": "Thứ 2, 4, 6, Chủ nhật hằng tuần lúc 05:00",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU": "Chủ nhật 2 tuần một lần lúc 05:00",
    "FREQ=MONTHLY;BYDAY=5SA": "Thứ bảy lần thứ năm hằng tháng lúc 05:00",
    "FREQ=MONTHLY;BYDAY=-1FR": "Thứ sáu cuối cùng hằng tháng lúc 05:00",
    "FREQ=MONTHLY;BYMONTHDAY=1,15": "Ngày 1, ngày 15 hằng tháng lúc 05:00",
    "FREQ=MONTHLY;BYMONTHDAY=-1": "Ngày cuối cùng hằng tháng lúc 05:00",
    "FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=17": "Ngày 17 tháng 10 hằng năm lúc 05:00",
    "LUNAR;DAY=15": "Ngày rằm hằng tháng âm lịch lúc 05:00",
    "LUNAR;DAY=1,15": "Mùng 1, ngày rằm hằng tháng âm lịch lúc 05:00",
    "LUNAR;DAY=-1": "Ngày cuối cùng hằng tháng âm lịch lúc 05:00",
    "LUNAR;MONTH=1;DAY=1,2,3": "Mùng 1, mùng 2, mùng 3 tháng 1 âm lịch lúc 05:00",
    "LUNAR;MONTH=1;DAY=1": "Mùng 1 Tết Nguyên đán lúc 05:00",
    "LUNAR;MONTH=3;DAY=10": "Giỗ Tổ Hùng Vương (mùng 10/3 âm lịch) lúc 05:00",
    "LUNAR;MONTH=12;DAY=-1;UNTIL=20301231": "Ngày cuối năm âm lịch lúc 05:00, đến 31/12/2030",
    "FREQ=DAILY;COUNT=10": "Hằng ngày lúc 05:00, 10 buổi",
    "FREQ=DAILY;UNTIL=20220331": "Hằng ngày lúc 05:00, đến 31/03/2022",
}


@pytest.mark.parametrize("text", DESCRIBED)
def test_a_rule_is_told_in_plain_vietnamese(text: str) -> None:
    """A commune officer reads a sentence, and every part of the rule is in it."""
    check_rule(text)

    assert describe(Rule(time(5), 60, text, date(2022, 1, 1), None), VI) == DESCRIBED[text]


def test_the_earlier_of_two_ends_is_told() -> None:
    """The validity of the slot and UNTIL both end it; the sentence names the first."""
    rule = Rule(time(17, 30), 60, "FREQ=DAILY;UNTIL=20220331", date(2022, 1, 1), date(2022, 2, 1))

    assert describe(rule, VI) == "Hằng ngày lúc 17:30, đến 01/02/2022"
    assert describe(rule, Translator("en", ZONE)) == "Every day at 17:30, until 01/02/2022"
