"""The whole answer to who opens the airing log in a browser, over the rows of a country's year."""

from __future__ import annotations

import re
import sys
from datetime import date
from functools import partial
from html import unescape

from fastapi.testclient import TestClient
from sqlalchemy import select

from api.app import create_app
from api.auth import cookie_name
from benchmarks.processor import Processor, in_median
from scheduler import people
from scheduler.hub import Hub
from scheduler.store.models import Unit

_ROWS = re.compile(r"<tbody>(.*?)</tbody>", re.S)
_LINK = re.compile(r'href="(/airings\?[^"]+)" rel="(next|prev)"')


def page_times(
    hub: Hub, first: date, last: date, *, processor: Processor, rounds: int
) -> dict[str, float]:
    """As ``in_median`` gives them, by the key of the figure; every answer must show rows."""
    month = f"/airings?first={first}&last={last}"
    ask = _reader(hub, "province", unit_code="p0")
    nation = _reader(hub, "nation", unit_code=None)
    shown = _asked(ask, month)
    older = _link(shown, "next")
    shown = _asked(ask, older)
    a_programme = 1000 + 160 * 6  # airs on one day of June, in one slot
    addresses = {
        "page": month,
        "page_next": older,
        "page_previous": _link(shown, "prev"),
        "page_theme": f"{month}&theme=Chủ đề 3",
        "page_words": f"{month}&words=ban tin so {160 * 6 + 1}",
        "page_station_words": f"{month}&words=dai 34",
        "page_programme": f"{month}&programme={a_programme}",
        "page_state": f"{month}&state=missed",
        "page_grade": f"{month}&grade=B",
        "page_nation": month,
    }
    figures: dict[str, float] = {}
    for key, address in addresses.items():
        work = partial(_asked, nation if key == "page_nation" else ask, address)
        work()  # what is read once a process does not count
        figures |= in_median(key, work, processor, rounds=rounds)
    return figures


def _reader(hub: Hub, username: str, *, unit_code: str | None) -> TestClient:
    """The application, with a sign-in of somebody who sees a province or everything."""
    now = hub.clock.now()
    with hub.database.write() as session:
        unit = session.scalar(select(Unit).where(Unit.code == unit_code)) if unit_code else None
        people.add_person(
            session, username=username, full_name=username, role="editor", unit=unit, now=now,
            by="benchmark",
        )  # fmt: skip
        person = people.find_person(session, username)
        person.must_change_password = False
        token = people.open_session(session, person, now=now, address=None, hours=12)
    client = TestClient(create_app(hub), follow_redirects=False)
    client.cookies.set(cookie_name(hub), token.text)
    return client


def _asked(client: TestClient, address: str) -> str:
    answer = client.get(address)
    body = _ROWS.search(answer.text)
    if answer.status_code != 200 or body is None or "<tr>" not in body[1]:
        sys.exit(f"wrong: {answer.status_code} and no rows at {address}")
    return answer.text


def _link(shown: str, rel: str) -> str:
    found = {rel: unescape(address) for address, rel in _LINK.findall(shown)}
    return found[rel]
