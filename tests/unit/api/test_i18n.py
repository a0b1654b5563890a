"""What Loa says, in both languages."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from api.i18n import DOMAIN, LOCALE, Translator, catalogue, error_classes
from api.json.problems import FieldsInvalid
from scheduler.errors import InputInvalid, NotAllowed, NotFound, WrongState
from stations.errors import HostKeyChanged, LinkDown, StationFull
from tests.unit.api.messages import all_messages

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FIVE = datetime(2022, 3, 12, 22, 0, tzinfo=UTC)  # 05:00 of the 13th in Việt Nam

_MSGID = re.compile(r"^msgid (.+(?:\n\".*)*)", re.MULTILINE)
_FIELD = re.compile(r"\{(\w+)\}")


@pytest.fixture(scope="module")
def messages() -> dict[str, str]:
    return all_messages()


@pytest.fixture
def vi() -> Translator:
    return Translator("vi", ZONE)


@pytest.fixture
def en() -> Translator:
    return Translator("en", ZONE)


def test_every_message_has_a_vietnamese_translation(messages: dict[str, str]) -> None:
    """A sentence that somebody adds anywhere fails here until it is translated."""
    known = catalogue("vi")

    missing = [f"{where}: {msgid}" for msgid, where in messages.items() if msgid not in known]

    assert missing == []


def test_no_translation_outlives_its_message(messages: dict[str, str]) -> None:
    """The catalogue holds nothing that nobody says any more."""
    assert [msgid for msgid in catalogue("vi") if msgid not in messages] == []


def test_no_message_is_translated_twice() -> None:
    """Of two entries the later one would win, wherever the first was meant."""
    told = _MSGID.findall((LOCALE / "vi" / "LC_MESSAGES" / f"{DOMAIN}.po").read_text("utf-8"))

    assert [msgid for msgid, times in Counter(told).items() if times > 1] == []


def test_translations_keep_the_fields() -> None:
    """A translation fills in the same fields as its sentence, no more and no fewer."""
    differ = [
        msgid
        for msgid, sentence in catalogue("vi").items()
        if set(_FIELD.findall(msgid)) != set(_FIELD.findall(sentence))
    ]

    assert differ == []


def test_error_is_told_in_the_language_of_the_reader(vi: Translator, en: Translator) -> None:
    """The same error, twice; a field that is itself a word is translated with it."""
    error = NotAllowed(who="Lê Văn Đạo", role="approver")

    assert en.error(error) == "Lê Văn Đạo may not do this: it needs the role approver."
    assert vi.error(error) == "Lê Văn Đạo không được làm việc này: cần vai trò người duyệt."


def test_docstring_of_several_paragraphs_is_one_message(vi: Translator) -> None:
    """Wrapping a docstring differently does not lose its translation."""
    told = vi.error(HostKeyChanged(host="10.0.0.1", port=22, seen="a", pinned="b"))

    assert told.startswith("Đài tại 10.0.0.1:22")
    assert "\n" not in told


def test_kept_error_of_a_delivery_is_a_sentence_again(vi: Translator) -> None:
    """A row holds a code and fields; the board shows what to do, with figures as we write them."""
    kept = LinkDown(idle_s=30, acknowledged_bytes=4_718_592)

    assert "4,5 MB" in vi.coded(kept.code, kept.fields)
    assert vi.coded("disk_full", {"needed_bytes": 1, "free_bytes": 0}).startswith("Đài cần")
    assert error_classes()["disk_full"] is StationFull


def test_what_the_system_says_of_a_line_is_said_in_the_language_of_the_reader(
    vi: Translator, en: Translator
) -> None:
    """No English from the operating system stands in a Vietnamese sentence; sizes have units."""
    down = {"host": "10.0.0.1", "port": 22, "detail": "No route to host"}
    full = {"needed_bytes": 14_400_000, "free_bytes": 900_000}

    assert "No route" not in vi.coded("unreachable", down)
    assert "No route to host" in en.coded("unreachable", down)
    assert "needs 13.7 MB and has 879 KB free" in en.coded("disk_full", full)
    assert str(StationFull(**full)).startswith("The station needs 14400000 bytes and has")


@pytest.mark.parametrize(
    ("days", "said"),
    [(0, "05:00"), (1, "05:00 hôm qua"), (-1, "05:00 ngày mai"), (3, "05:00 13/03/2022")],
)
def test_a_near_time_is_said_without_its_date(vi: Translator, days: int, said: str) -> None:
    """Tomorrow in Việt Nam begins while UTC is at 17:00 of today."""
    assert vi.near(FIVE, FIVE + timedelta(days=days)) == said


@pytest.mark.parametrize(
    ("ms", "said"),
    [(600_000, "10 phút"), (200_400, "3 phút 20 giây"), (12_000, "12 giây"), (0, "0 giây")],
)
def test_what_sounded_is_never_read_as_a_time_of_day(vi: Translator, ms: int, said: str) -> None:
    """ "Began 05:00, sounded 10:00" is two times to whoever reads it."""
    assert vi.lasted(ms) == said


def test_old_row_without_a_field_still_reads(vi: Translator) -> None:
    """A field that was added later shows as an ellipsis; the page does not fail."""
    assert "…" in vi.coded("unreachable", {"host": "10.0.0.1"})
    assert vi.coded("a_code_of_tomorrow", None) == "a_code_of_tomorrow"


def test_thing_with_a_name_keeps_the_name(vi: Translator) -> None:
    """What it is, is translated; what it is called, is not."""
    error = WrongState(what='programme "Bản tin"', state="withdrawn")

    assert vi.error(error) == 'Chương trình "Bản tin" đã rút: bây giờ không làm được việc này.'
    assert vi.error(NotFound(what="station", key="x")) == 'Không có đài truyền thanh "x".'


def test_reason_that_stands_in_a_field_begins_like_a_sentence(
    vi: Translator, en: Translator
) -> None:
    """"choose a programme" is shown as a sentence of its own."""  # fmt: skip
    error = InputInvalid(problem="choose a programme")

    assert en.error(error) == "Choose a programme"
    assert vi.error(error) == "Hãy chọn một chương trình"
    assert "title" in vi.error(FieldsInvalid(fields="title"))


def test_braces_typed_by_a_person_stay_as_they_are(vi: Translator) -> None:
    """A title with {fields} of its own is not filled in."""
    assert '"{what}"' in vi.error(NotFound(what="station", key="{what}"))


def test_times_are_local_and_dates_are_written_as_here(vi: Translator) -> None:
    """05:00 in Việt Nam is 22:00 UTC of the day before."""
    assert vi.time(FIVE) == "05:00"
    assert vi.moment(FIVE) == "05:00 13/03/2022"
    assert vi.iso(FIVE) == "2022-03-13T05:00:00+07:00"
    assert vi.day(date(2022, 3, 5)) == "05/03/2022"
    assert vi.weekday(date(2022, 3, 13)) == "Chủ nhật"


def test_figures_follow_the_language(vi: Translator, en: Translator) -> None:
    """1.234,5 here, 1,234.5 there."""
    assert vi.number(1234.5, 1) == "1.234,5"
    assert en.number(1234.5, 1) == "1,234.5"
    assert vi.size(2 << 30) == "2,0 GB"
    assert vi.size(900) == "1 KB"
    assert vi.length(3_599_600) == "1:00:00"
    assert vi.length(59_400) == "0:59"


def test_english_counts_one_and_many_vietnamese_does_not(vi: Translator, en: Translator) -> None:
    """One minute, two minutes; một phút, hai phút."""
    assert [en.minutes(60_000), en.minutes(120_000)] == ["1 minute", "2 minutes"]
    assert [vi.minutes(60_000), vi.minutes(120_000)] == ["1 phút", "2 phút"]
    assert vi.minutes(12_000) == "12 giây"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(5, "vừa xong"), (61, "1 phút trước"), (7_300, "2 giờ trước"), (200_000, "2 ngày trước")],
)
def test_how_long_ago_is_told_in_round_words(vi: Translator, seconds: int, told: str) -> None:
    """The board says when a station was seen."""
    assert vi.ago(FIVE - timedelta(seconds=seconds), FIVE) == told
