"""A moment as people type it. The clock says 20:00 on Sunday, 16 October 2022, in Việt Nam."""

from __future__ import annotations

import pytest

from api.moments import moment_of
from scheduler.errors import InputInvalid
from scheduler.hub import Hub


@pytest.fixture
def database_kind() -> str:
    """What a person types has nothing to do with the database."""
    return "sqlite"


TOLD = {
    "05:00": "2022-10-15T22:00",
    "5h": "2022-10-15T22:00",
    "5h30": "2022-10-15T22:30",
    "5 giờ 30": "2022-10-15T22:30",
    "5 gio": "2022-10-15T22:00",
    "5 giờ chiều": "2022-10-16T10:00",
    "hôm qua 05:00": "2022-10-14T22:00",
    "Hôm Qua 05:00": "2022-10-14T22:00",
    "hom qua 5h": "2022-10-14T22:00",
    "05:00 hôm kia": "2022-10-13T22:00",
    "yesterday 05:00": "2022-10-14T22:00",
    "sáng mai 5h": "2022-10-16T22:00",
    "ngày mai 05:00": "2022-10-16T22:00",
    "25/11/2026 05:00": "2026-11-24T22:00",
    "05:00 25/11/2026": "2026-11-24T22:00",
    "05:00 25/11": "2022-11-24T22:00",
    "25-11-2026 05:00": "2026-11-24T22:00",
    "2026-11-25 05:00": "2026-11-24T22:00",
    "2026-11-25T05:00": "2026-11-24T22:00",
    "2026-11-25T05:00:00+07:00": "2026-11-24T22:00",
    "2026-11-24T22:00:00Z": "2026-11-24T22:00",
    "2026-11-24t22:00z": "2026-11-24T22:00",
}


@pytest.mark.parametrize("text", TOLD)
def test_it_is_understood(hub: Hub, text: str) -> None:
    """With tones and without, day first or time first, or as programs write it."""
    assert f"{moment_of(text, hub):%Y-%m-%dT%H:%M}" == TOLD[text]


def test_a_bare_time_that_is_over_may_mean_tomorrow(hub: Hub) -> None:
    """Who asks at 20:00 whether 05:00 is ready means the next one."""
    assert f"{moment_of('05:00', hub, is_ahead=True):%d %H:%M}" == "16 22:00"
    assert f"{moment_of('21:00', hub, is_ahead=True):%d %H:%M}" == "16 14:00"


@pytest.mark.parametrize(
    "text",
    ["", "sớm", "25:00", "05:61", "31/02/2022 05:00", "5", "2022-13-01T05:00", "12/2022",
     "0001-01-01 05:00", "9999-12-31T23:59:59Z"],
)  # fmt: skip
def test_what_is_no_time_is_refused(hub: Hub, text: str) -> None:
    """With examples of what is."""
    with pytest.raises(InputInvalid, match="hôm qua"):
        moment_of(text, hub)
