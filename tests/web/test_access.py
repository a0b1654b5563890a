"""Who may open what: every route as a stranger, with the wrong role, with the wrong unit."""

from __future__ import annotations

import pytest
from fastapi.routing import iter_route_contexts

from api.app import create_app
from scheduler.store.models import Airing, Slot, Station
from scheduler.store.states import AiringState
from tests.web.site import Site

# What a stranger may open: the sign-in itself, the choice of language, and the watcher's page.
PUBLIC = {
    "/health", "/sign-in", "/language/{language}",
    "/feeds/{token}.ics", "/welcome/{token}",  # the address is the secret
    "/second",  # half a sign-in; tests/web/test_accounts.py holds what it opens
    # Open where the settings say so; tests/web/test_listen.py holds what they show.
    "/listen", "/listen/frame", "/listen/feed.xml", "/listen/{programme_id}",
    "/listen/{programme_id}/sound.{extension}",
}  # fmt: skip

EVERYBODY = ["admin", "huong", "tuan", "ky", "lan", "dao"]


def routes(site: Site) -> list[tuple[str, str]]:
    """Every route of the application, with numbers put into its path."""
    found = []
    for route in iter_route_contexts(create_app(site.hub).routes):
        path = route.path or ""
        if route.methods and path not in PUBLIC:
            for name, value in (
                ("{programme_id}", "4"), ("{slot_id}", "1"), ("{on}", "2022-10-16"),
                ("{code}", "dai-13579"), ("{station}", "dai-13579"),
                ("{planned_at}", "2022-10-16T04:15:00Z"), ("{upload_id}", "0" * 32), ("{username}", "lan"),
                ("{bulletin_id}", "1"), ("{link_id}", "1"), ("{unit_id}", "1"),
                ("{alert_id}", "1"),
            ):  # fmt: skip
                path = path.replace(name, value)
            found += [(method, path) for method in sorted(route.methods)]
    return found


def test_anonymous_is_refused(shared_site: Site) -> None:
    """Without a sign-in every page leads to the sign-in, and every endpoint answers 401."""
    all_routes = routes(shared_site)
    assert len(all_routes) > 30
    with shared_site.client() as client:
        for method, path in all_routes:
            answer = client.request(method, path)
            if path.startswith(("/api/", "/uploads", "/live/")):
                assert answer.status_code == 401, path
                if method == "HEAD":
                    continue
                assert answer.json()["code"] == "not_signed_in", path
            else:
                assert answer.status_code == 303, path
                assert answer.headers["location"].startswith("/sign-in"), path


def test_made_up_and_signed_out_cookies_are_strangers(site: Site) -> None:
    """A cookie is worth what the table says, not what it says itself."""
    with site.client("lan") as client:
        assert client.get("/").status_code == 200
        assert client.submit("/sign-out").status_code == 303
        client.cookies.set("loa", site.token("lan"), domain="127.0.0.1")
        assert client.get("/").status_code == 303
    with site.client() as client:
        client.cookies.set("loa", "x" * 43)
        assert client.get("/").status_code == 303


def test_one_time_secret_opens_nothing_but_the_change_of_the_password(site: Site) -> None:
    """A secret that was read out over the telephone cannot be used to look around."""
    with site.client("admin") as client:
        fields = {"username": "moi", "full_name": "Người Mới", "role": "editor", "unit": ""}
        client.submit("/people", **fields)
        page = client.submit("/people/secret", username="moi").text
    secret = page.split('class="secret">')[1].split("<")[0]
    with site.client() as client:
        answer = client.post("/sign-in", data={"username": "moi", "password": secret})
        assert answer.status_code == 303
        assert client.get("/").headers["location"] == "/password"
        problem = client.get("/api/v1/programmes")
        assert (problem.status_code, problem.json()["code"]) == (403, "must_change_password")
        assert client.get("/password").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/people", {"admin"}),
        ("POST", "/people", {"admin"}),
        ("POST", "/people/secret", {"admin"}),
        ("POST", "/people/access", {"admin"}),
        ("GET", "/tokens", set(EVERYBODY)),
        ("POST", "/stations/retry", {"admin", "huong", "tuan", "ky", "lan"}),
        ("POST", "/programmes/99/approve", {"admin", "tuan"}),
        ("POST", "/programmes/99/reject", {"admin", "tuan"}),
        ("POST", "/programmes/99/withdraw", {"admin", "tuan", "huong"}),
        ("POST", "/programmes/99/publish", {"admin", "tuan", "huong"}),
        ("POST", "/programmes/99/unpublish", {"admin", "tuan", "huong"}),
        ("POST", "/api/v1/programmes/99/publish", {"admin", "tuan", "huong"}),
        ("POST", "/stations/dai-13579/host-key", {"admin", "ky"}),
        ("GET", "/stations/dai-13579/edit", {"admin", "ky"}),
        ("POST", "/stations/dai-13579/edit", {"admin", "ky"}),
        ("POST", "/stations/dai-13579/active", {"admin", "ky"}),
        ("POST", "/stations/dai-13579/key/file", {"admin", "ky"}),
        ("POST", "/stations/dai-13579/key/begin", {"admin", "ky"}),
        ("POST", "/stations/dai-13579/key/keep", {"admin", "ky"}),
        ("GET", "/new-station", {"admin", "ky"}),
        ("POST", "/new-station", {"admin", "ky"}),
        ("GET", "/import", {"admin", "ky"}),
        ("GET", "/import/template.csv", {"admin", "ky"}),
        ("POST", "/import", {"admin", "ky"}),
        ("POST", "/import/apply", {"admin", "ky"}),
        ("POST", "/links", {"admin", "ky"}),
        ("POST", "/links/change", {"admin", "ky"}),
        ("POST", "/links/remove", {"admin", "ky"}),
        ("POST", "/units/events", {"admin", "ky"}),
        ("GET", "/links", set(EVERYBODY)),
        ("GET", "/map", set(EVERYBODY)),
        ("GET", "/units", set(EVERYBODY)),
        ("POST", "/api/v1/stations", {"admin", "ky"}),
        ("POST", "/api/v1/stations/import", {"admin", "ky"}),
        ("GET", "/api/v1/stations/dai-13579/sheet", {"admin", "ky"}),
        ("PATCH", "/api/v1/stations/dai-13579", {"admin", "ky"}),
        ("POST", "/api/v1/stations/dai-13579/active", {"admin", "ky"}),
        ("POST", "/api/v1/stations/dai-13579/host-key", {"admin", "ky"}),
        ("DELETE", "/api/v1/stations/dai-13579/key-rotation", {"admin", "ky"}),
        ("POST", "/api/v1/links", {"admin", "ky"}),
        ("PUT", "/api/v1/links/99", {"admin", "ky"}),
        ("DELETE", "/api/v1/links/99", {"admin", "ky"}),
        ("POST", "/api/v1/units/events", {"admin", "ky"}),
        ("POST", "/stations/dai-13579/confirm", {"admin", "huong", "tuan", "lan", "dao"}),
        ("GET", "/airings/confirm", {"admin", "huong", "tuan", "lan", "dao"}),
        ("POST", "/airings/confirm", {"admin", "huong", "tuan", "lan", "dao"}),
        ("POST", "/timetable", {"admin", "huong", "lan", "dao"}),
        ("POST", "/clashes", {"admin", "huong", "lan", "dao"}),
        ("GET", "/timetable/99/remove", {"admin", "huong", "lan", "dao"}),
        ("POST", "/timetable/99/remove", {"admin", "huong", "lan", "dao"}),
        ("GET", "/timetable/changes", set(EVERYBODY)),
        ("POST", "/timetable/release", {"admin", "huong", "tuan", "lan", "dao"}),
        ("POST", "/timetable/restore", {"admin", "huong", "tuan", "lan", "dao"}),
        ("POST", "/api/v1/programmes/99/approve", {"admin", "tuan"}),
        ("POST", "/api/v1/slots", {"admin", "huong", "lan", "dao"}),
        ("DELETE", "/api/v1/slots/99", {"admin", "huong", "lan", "dao"}),
        ("PATCH", "/api/v1/slots/99", {"admin", "huong", "lan", "dao"}),
    ],
)
def test_wrong_role_is_refused(
    shared_site: Site, method: str, path: str, allowed: set[str]
) -> None:
    """Each role opens what its work needs; an empty form gets as far as its checks."""
    for username in EVERYBODY:
        with shared_site.client(username) as client:
            if method == "POST" and not path.startswith("/api/"):
                answer = client.submit(path)
            else:
                answer = client.request(method, path)
            code = answer.json().get("code", "") if path.startswith("/api/") else answer.text
            refused = answer.status_code == 403 and "not_allowed" in code
            assert refused == (username not in allowed), username


def test_wrong_role_sees_no_link_to_what_it_may_not_open(shared_site: Site) -> None:
    """The menu of a commune officer has no page of people."""
    with shared_site.client("dao") as client:
        assert 'href="/people"' not in client.get("/").text
    with shared_site.client("admin") as client:
        assert 'href="/people"' in client.get("/").text


@pytest.mark.parametrize(
    "path",
    [
        "/?unit=352",
        "/stations?unit=352",
        "/map?unit=352",
        "/airings?unit=352",
        "/airings/confirm?unit=352",
        "/api/v1/stations?unit=352",
        "/api/v1/stations/dai-13501",
        "/api/v1/schedule/2022-10-16?unit=352",
        "/api/v1/airings?first=2022-10-16&last=2022-10-16&unit=352",
    ],
)
def test_wrong_unit_is_refused(shared_site: Site, path: str) -> None:
    """Lý Nhân's officer does not open Bình Lục; Bình Lục's own does."""
    with shared_site.client("lan") as client:
        assert client.get(path).status_code == 403
    with shared_site.client("minh") as client:
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/stations", "/map", "/airings"])
def test_nothing_of_another_unit_is_shown(shared_site: Site, path: str) -> None:
    """A commune officer sees the commune, and not one station of the neighbours."""
    with shared_site.client("dao") as client:
        shown = client.get(path).text

    names = {one.name for code, one in shared_site.province.stations.items() if code != "13579"}
    assert "Đài truyền thanh xã Đạo Lý" in shown
    assert not any(name in shown for name in names)


def test_wrong_unit_confirms_nothing(site: Site) -> None:
    """A neighbour's word about somebody else's loudspeaker is not taken."""
    station = site.province.stations["13579"]
    with site.hub.database.read() as session:
        open_one = session.query(Airing).filter_by(
            station_id=station.id, state=AiringState.ON_STATION
        ).order_by(Airing.planned_at).first()  # fmt: skip
    assert open_one is not None
    with site.client("minh") as client:
        answer = client.submit(
            "/confirm", station_id=str(station.id),
            planned_at=open_one.planned_at.isoformat(), aired="yes",
        )  # fmt: skip

    assert answer.status_code in (403, 422)
    with site.hub.database.read() as session:
        kept = session.get_one(Airing, (station.id, open_one.planned_at))
        assert kept.state is AiringState.ON_STATION


def test_wrong_unit_sends_nothing_again_and_plans_nothing(site: Site) -> None:
    """What belongs to Bình Lục is moved by Bình Lục and the province alone."""
    with site.client("lan") as client:
        assert client.submit("/stations/retry", code="dai-13501").status_code == 403
        slot = {"title": "Lấn sân", "programme_id": "1", "audience": "unit:352",
                "starts_at": "20:30"}  # fmt: skip
        assert client.submit("/timetable", **slot).status_code in (403, 422)
        answer = client.submit(f"/timetable/{site.province.slots[0].id}/remove")
        assert answer.status_code in (403, 422)

    with site.hub.database.read() as session:
        assert [one.title for one in session.query(Slot).all()].count("Lấn sân") == 0
        assert session.query(Slot).filter(Slot.removed_at.is_not(None)).count() == 0
        assert session.query(Station).count() == 20
