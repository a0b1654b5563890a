"""CAP 1.2: what is taken in of an alert, and what is refused with one clear sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from scheduler import alerts, announce, bulletins
from scheduler.alerts import Imported
from scheduler.bulletins import Order
from scheduler.cap import MAX_BYTES, CapAlert, parse_cap
from scheduler.errors import CapRefused, InputInvalid, NotAllowed
from scheduler.hub import Hub
from scheduler.store.models import LedgerEntry, Programme
from tests.builders import programme, someone
from tests.unit.scheduler.scene import Scene

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"


def cap(
    identifier: str = "lu-1", kind: str = "Alert", refers: str = "", status: str = "Actual",
    expires: str = "2022-10-16T22:00:00+07:00", areas: str = "", space: str = NAMESPACE,
) -> bytes:  # fmt: skip
    areas = areas or (
        "<area><areaDesc>Xã Đạo Lý</areaDesc><geocode><valueName>GSO</valueName>"
        "<value>13579</value></geocode></area><area><areaDesc>Vịnh Bắc Bộ</areaDesc></area>"
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="{space}"><identifier>{identifier}</identifier><sender>nchmf@khituong.vn</sender>
<sent>2022-10-16T19:55:00+07:00</sent><status>{status}</status><msgType>{kind}</msgType>
<scope>Public</scope><references>{refers}</references>
<info><language>en-US</language><headline>Flood</headline></info>
<info><language>vi-VN</language><urgency>Immediate</urgency><severity>Extreme</severity>
<expires>{expires}</expires><headline>Lũ trên sông Châu</headline>
<description>Nước lên nhanh.</description><instruction>Di dời ngay.</instruction>
{areas}</info></alert>""".encode()


def test_an_alert_is_read_in_vietnamese_with_all_that_matters() -> None:
    """Of two languages ours; headline, description and instruction are what is said."""
    found = parse_cap(cap(refers="nchmf@khituong.vn,lu-0,2022-10-16T19:00:00+07:00"))

    assert found.headline == "Lũ trên sông Châu"
    assert found.text == "Lũ trên sông Châu\n\nNước lên nhanh.\n\nDi dời ngay."
    assert (found.severity, found.urgency, found.kind) == ("Extreme", "Immediate", "Alert")
    assert found.expires_at == datetime(2022, 10, 16, 15, tzinfo=UTC)
    assert found.references == (("nchmf@khituong.vn", "lu-0"),)
    assert [area.codes for area in found.areas] == [("13579",), ()]


_BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">
]><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>&b;</identifier></alert>"""
_LEAK = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>&x;</identifier></alert>"""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_BOMB, "entities"),
        (_LEAK, "entities"),
        (b"", "well-formed"),
        (b"not XML", "well-formed"),
        (b"\xff\xfe\x00\xd8", "well-formed"),
        (cap()[:-30], "well-formed"),
        (cap().replace(b"UTF-8", b"klingon"), "well-formed"),
        (b" " * (MAX_BYTES + 1), "1 MiB"),
        (b"<a>" * 200_000, "well-formed"),
        (cap(space="urn:oasis:names:tc:emergency:cap:1.1"), "another version"),
        (b"<rss/>", "no CAP alert"),
        (cap(status="Test"), "Test"),
        (cap(kind="Ack"), "Ack"),
        (cap(expires="tomorrow"), "zone"),
        (cap(expires="2022-10-16T22:00:00"), "zone"),
        (cap(identifier=" "), "<identifier>"),
    ],
)
def test_what_is_no_alert_for_us_is_refused_with_one_sentence(data: bytes, said: str) -> None:
    """Nothing is fetched, nothing expanded, nothing half taken in."""
    with pytest.raises(CapRefused, match=said):
        parse_cap(data)


# ── Taken in ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def place(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A station; the speech engine has its own tests, here it makes a programme at once."""
    scene.stations("13579")

    def spoken(hub: Hub, text: str, details: object, **known: object) -> Programme:
        return programme(scene.base, text, by=known["by"])  # type: ignore[arg-type]

    monkeypatch.setattr(announce, "announce", spoken)
    return scene


def taken(scene: Scene, role: str = "editor", **what: str) -> Imported:
    return alerts.import_alert(scene.hub, parse_cap(cap(**what)), by=someone(scene.base, role))


def test_an_alert_becomes_a_draft_with_its_units_and_what_was_not_found(place: Scene) -> None:
    """By code; an area that is not on our map is told, and nothing is on air by itself."""
    result = taken(place)

    assert result.is_new
    assert result.alert.units == ["13579"]
    assert result.alert.unknown_areas == ["Vịnh Bắc Bộ"]
    assert result.alert.programme_id is not None
    with place.base.database.read() as session:
        assert bulletins.list_bulletins(session) == []
        entries = session.scalars(select(LedgerEntry.what).order_by(LedgerEntry.seq)).all()
    assert "alert_imported" in entries


def test_the_same_alert_again_changes_nothing(place: Scene) -> None:
    """It comes by two ways, and is read aloud once."""
    first = taken(place)
    again = taken(place)

    assert not again.is_new
    assert again.alert.id == first.alert.id


def test_a_name_that_two_units_bear_is_left_to_a_person(place: Scene) -> None:
    """ "Trần Hưng Đạo" exists twice; a name that only one bears is found, tones or not."""
    areas = "".join(
        f"<area><areaDesc>{name}</areaDesc></area>"
        for name in ("xa dao ly", "Phường Trần Hưng Đạo", "Xã Trần Hưng Đạo")
    )
    with place.base.database.read() as session:
        found, unknown = alerts.places_of(place.hub, session, parse_cap(cap(areas=areas)))

    assert found[0] == "13579"
    assert len(found) + len(unknown) == 3


def test_what_is_sent_of_it_ends_when_the_alert_ends(place: Scene) -> None:
    """Two hours from now it is over, whatever was ordered; after that nothing is sent."""
    result = taken(place)
    assert result.alert.programme_id is not None
    order = Order(result.alert.programme_id, ("13579",), "Lũ", minutes=1000)

    by = someone(place.base, "approver")
    bulletin = bulletins.issue(place.hub, order, by=by)
    assert bulletin.expires_at == result.alert.expires_at

    place.clock.advance(timedelta(hours=3))
    with pytest.raises(InputInvalid, match="expired"):
        bulletins.issue(place.hub, order, by=by)


def test_a_cancellation_takes_back_what_is_on_air(place: Scene) -> None:
    """By a person with the role; and the draft cannot be sent any more."""
    result = taken(place)
    assert result.alert.programme_id is not None
    order = Order(result.alert.programme_id, ("13579",), "Lũ")
    by = someone(place.base, "approver")
    bulletin = bulletins.issue(place.hub, order, by=by)
    refers = "nchmf@khituong.vn,lu-1,2022-10-16T19:55:00+07:00"

    with pytest.raises(NotAllowed):
        taken(place, identifier="lu-2", kind="Cancel", refers=refers)
    cancelled = taken(place, "approver", identifier="lu-2", kind="Cancel", refers=refers)

    assert cancelled.withdrawn == (bulletin.id,)
    with place.base.database.read() as session:
        assert bulletins.get_bulletin(session, bulletin.id).withdrawn_at is not None
    with pytest.raises(InputInvalid, match="cancelled"):
        bulletins.issue(place.hub, order, by=by)


def test_an_update_is_another_draft_and_leaves_the_air_to_a_person(place: Scene) -> None:
    """What is heard is not silenced by a file from elsewhere."""
    first = taken(place)
    assert first.alert.programme_id is not None
    by = someone(place.base, "approver")
    bulletin = bulletins.issue(place.hub, Order(first.alert.programme_id, ("13579",), "Lũ"), by=by)
    refers = "nchmf@khituong.vn,lu-1,2022-10-16T19:55:00+07:00"

    update = taken(place, identifier="lu-2", kind="Update", refers=refers)

    assert update.replaced == (first.alert.programme_id,)
    with place.base.database.read() as session:
        assert bulletins.get_bulletin(session, bulletin.id).withdrawn_at is None


def test_what_has_expired_and_what_cancels_the_unknown_are_refused(place: Scene) -> None:
    with pytest.raises(CapRefused, match="expired"):
        taken(place, expires="2022-10-16T19:00:00+07:00")
    with pytest.raises(CapRefused, match="never imported"):
        taken(place, "approver", kind="Cancel", refers="a@b,c,d")
    assert not list(Path(place.hub.tmp).glob("announce-*"))


def test_an_exercise_is_told_as_one(place: Scene) -> None:
    """The command then proposes the drill, and not the sending."""
    found: CapAlert = parse_cap(cap(status="Exercise"))

    assert found.status == "Exercise"
