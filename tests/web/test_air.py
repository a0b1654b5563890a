"""The form that proposes what would help; priority slots put in order; who will be late."""

from __future__ import annotations

import html
import re
from datetime import timedelta

from scheduler.slots import list_slots
from scheduler.store.models import AirOrder, Delivery, Forecast, Slot, Station
from scheduler.store.states import DeliveryState
from tests.web.site import Client, Site

COMMUNE = "13579"


def test_anonymous_is_refused(shared_site: Site) -> None:
    """Neither the collisions nor a decision about them."""
    with shared_site.client() as client:
        assert client.get("/clashes").status_code == 303
        assert client.post("/clashes").status_code in (303, 403, 422)


def form(site: Site, **changes: str) -> dict[str, str]:
    programme = site.province.slots[0].programme_id
    return {
        "title": "Họp dân", "programme_id": str(programme), "audience": f"unit:{COMMUNE}",
        "starts_at": "19:00", **changes,
    }  # fmt: skip


def lines(site: Site) -> list[Slot]:
    with site.hub.database.read() as session:
        return list_slots(session)


def proposals(shown: str) -> list[dict[str, str]]:
    """The forms that a refusal offers, as what a browser would send."""
    section = shown.split('aria-labelledby="helpful"')[1].split("</section>")[0]
    return [
        {name: html.unescape(value) for name, value in re.findall(
            r'name="([a-z_]+)" value="([^"]*)"', one)}
        for one in section.split("<form")[1:]
    ]  # fmt: skip


def test_a_proposal_is_one_touch_away(site: Site) -> None:
    """05:00 is taken; the second touch adds the line at another time, with all that was typed."""
    before = len(lines(site))
    with site.client("huong") as client:
        answer = client.submit("/timetable", **form(site, starts_at="05:00"))
        assert answer.status_code == 409
        assert "Có thể làm như sau" in answer.text
        assert len(lines(site)) == before
        first = proposals(answer.text)[0]
        first.pop("form_token")
        taken = client.submit("/timetable", **first)
        assert taken.headers["location"] == "/timetable?done=slot_added"

    added = max(lines(site), key=lambda one: one.id)
    assert (added.title, f"{added.starts_at:%H:%M}") == ("Họp dân", first["starts_at"])
    assert first["starts_at"] != "05:00"


def test_the_form_says_when_it_would_air_before_anything_is_added(site: Site) -> None:
    """Ten airings with their weekdays and the day of the moon."""
    before = len(lines(site))
    with site.client("huong") as client:
        rule = {"repeats": "moon", "moon_days": "1 15", "do": "preview"}
        shown = client.submit("/timetable", **form(site, **rule)).text

    section = shown.split('id="preview"')[1].split("</section>")[0]
    assert "âm lịch lúc 19:00" in section
    assert section.count("<li>") == 10
    assert "15/10 âm lịch" in section
    assert len(lines(site)) == before


def added(site: Site, client: Client, **changes: str) -> Slot:
    answer = client.submit("/timetable", **form(site, **changes))
    assert answer.status_code == 303, re.findall(r'role="alert">(.*?)</div>', answer.text, re.S)
    return max(lines(site), key=lambda one: one.id)


def test_every_kind_of_rule_can_be_typed(site: Site) -> None:
    """Every second week, the fifth Saturday, the last day, by the moon, and all of RFC 5545."""
    ways = {
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU": {"every": "2", "days": "SU"},
        "FREQ=MONTHLY;BYDAY=5SA": {"repeats": "nth", "nth": "5", "nth_day": "SA"},
        "FREQ=MONTHLY;BYMONTHDAY=-1": {"repeats": "monthly", "month_day": "-1"},
        "LUNAR;DAY=1,15": {"repeats": "moon", "moon_days": "Mùng 1 và rằm"},
        "FREQ=DAILY;COUNT=3": {"repeats": "rule", "rule": "RRULE:freq=daily;count=3"},
    }
    with site.client("huong") as client:
        for n, (rrule, fields) in enumerate(ways.items()):
            line = added(site, client, starts_at=f"{19 + n // 2}:{30 * (n % 2):02}",
                         minutes="10", late_minutes="0", kind="announcement",
                         exclude="", **fields)  # fmt: skip
            assert (line.rrule, line.seconds, line.late_ok_s) == (rrule, 600, 0)
            assert line.kind == "announcement"


def test_what_cannot_be_typed_is_told_and_nothing_is_lost(site: Site) -> None:
    """A month day that is none, letters for minutes, a station that is not there."""
    wrong = (
        {"repeats": "monthly", "month_day": "32"}, {"repeats": "rule", "rule": "FREQ=HOURLY"},
        {"minutes": "zehn"}, {"late_minutes": "-1"}, {"exclude": "station:nowhere"},
        {"every": "x"}, {"kind": "song"}, {"more": "commune:1"},
    )  # fmt: skip
    with site.client("huong") as client:
        for change in wrong:
            answer = client.submit("/timetable", **form(site, **change))
            assert answer.status_code in (404, 422), change
            assert 'role="alert"' in answer.text
            assert 'value="Họp dân"' in answer.text


def test_a_commune_officer_orders_two_priority_bulletins_with_one_touch(site: Site) -> None:
    """Today's page leads there; the decision stands under the officer's name."""
    with site.client("huong") as client:
        first = added(site, client, title="Dịch bệnh", programme_class="priority")
        second = added(site, client, title="Xả lũ", programme_class="priority", starts_at="19:05")
    tomorrow = site.hub.today() + timedelta(days=1)
    with site.client("dao") as client:
        assert 'href="/clashes"' in client.get(f"/?on={tomorrow}").text
        shown = client.get("/clashes").text
        assert "chưa ai quyết định" in shown
        assert shown.index("Dịch bệnh") < shown.index("Xả lũ")
        answer = client.submit("/clashes", unit_code=COMMUNE, on=tomorrow.isoformat(),
                               order=f"{second.id} {first.id}")  # fmt: skip
        assert answer.headers["location"] == "/clashes?done=ordered"
        assert "đã quyết định" in client.get("/clashes").text
        assert 'href="/clashes"' not in client.get(f"/?on={tomorrow}").text
        assert client.submit("/clashes", unit_code=COMMUNE, on=tomorrow.isoformat(),
                             order="1; drop").status_code == 422  # fmt: skip

    with site.hub.database.read() as session:
        [row] = session.query(AirOrder).all()
        assert (row.on, row.slot_ids) == (tomorrow, [second.id, first.id])
        assert row.decided_by == site.province.people["dao"].id


def test_what_collides_every_day_is_ordered_for_the_week_with_one_touch(site: Site) -> None:
    """One card a commune, not one a day; a single day may still be ordered otherwise."""
    days = [(site.hub.today() + timedelta(days=n)).isoformat() for n in range(1, 7)]
    with site.client("huong") as client:
        first = added(site, client, title="Dịch bệnh", programme_class="priority")
        second = added(site, client, title="Xả lũ", programme_class="priority", starts_at="19:05")
    with site.client("dao") as client:
        today = client.get("/").text  # not only on the day itself
        assert today.count('href="/clashes"') == 1 and "Chọn bản tin ưu tiên phát trước" in today
        shown = client.get("/clashes").text
        assert shown.count("<section") == 2 and "6 ngày" in shown  # today's has begun
        ordered = client.submit("/clashes", unit_code=COMMUNE, on=days,
                                order=f"{second.id} {first.id}")  # fmt: skip
        assert ordered.status_code == 303
        assert client.submit("/clashes", unit_code=COMMUNE, on=days[2],
                             order=f"{first.id} {second.id}").status_code == 303  # fmt: skip
        assert client.get("/clashes").text.count("<section") == 3

    with site.hub.database.read() as session:
        rows = session.query(AirOrder).order_by(AirOrder.on).all()
        firsts = [row.slot_ids[0] for row in rows]
    assert firsts == [second.id, second.id, first.id, second.id, second.id, second.id]


def test_a_station_that_will_be_late_stands_on_the_board_before_it_is(site: Site) -> None:
    """Counted on today's page, first on the board, with what is left and the command."""
    now = site.hub.clock.now()
    with site.hub.database.write() as session:
        station = session.query(Station).order_by(Station.id).first()
        assert station is not None
        waiting = session.query(Delivery).filter_by(station_id=station.id)
        delivery = waiting.order_by(Delivery.for_date.desc(), Delivery.seq.desc()).first()
        assert delivery is not None
        delivery.state = DeliveryState.DUE
        session.add(
            Forecast(station_id=station.id, for_date=delivery.for_date, basis="measured", kbps=99,
                     needed_at=now + timedelta(hours=8), ready_at=now + timedelta(hours=9),
                     bytes_left=40_000_000, made_at=now)
        )  # fmt: skip
    with site.client("huong") as client:
        assert "1 đài không kịp có chương trình" in client.get("/").text
        shown = client.get("/stations?problems=true").text

    assert "không kịp trước" in shown
    assert f"loa forecast --station {station.code}" in shown
    assert "99 kbit/s" in shown
