"""The chain behind an airing, for everybody who may see its station."""

from __future__ import annotations

from tests.web.site import Site

MISSED = "/airings/dai-13573/2022-10-15T22:00:00Z"  # 05:00 of the day, the amplifier was dead
API = "/api/v1/airings/dai-13573/2022-10-15T22:00:00Z/why"


def test_anonymous_is_refused(shared_site: Site) -> None:
    """As every page."""
    with shared_site.client() as client:
        assert client.get(MISSED).headers["location"].startswith("/sign-in")
        assert client.get("/why").headers["location"].startswith("/sign-in")
        assert client.get(API).status_code == 401


def test_every_role_that_may_see_the_station_sees_the_chain(shared_site: Site) -> None:
    """And nobody of another district or commune."""
    for username, status in (
        ("admin", 200), ("huong", 200), ("tuan", 200), ("lan", 200), ("minh", 403), ("dao", 403),
    ):  # fmt: skip
        with shared_site.client(username) as client:
            assert client.get(MISSED).status_code == status, username
            assert client.get(API).status_code == status, username


def test_the_page_names_the_first_broken_link_and_whom_to_call(shared_site: Site) -> None:
    """What a person reads first."""
    with shared_site.client("lan") as client:
        page = client.get(MISSED).text
        told = client.get(API).json()

    assert "Không phát." in page
    assert "Việc cần làm:" in page
    assert "tel:" in page
    assert (told["state"], told["verdict"]) == ("missed", "Không phát.")
    assert [link["name"] for link in told["links"]] == [
        "slot", "programme", "rendition", "delivery", "log", "result",
    ]  # fmt: skip
    assert told["links"][0]["who"] == "Nguyễn Thị Hương"
    assert told["broken"] in [link["name"] for link in told["links"]]


def test_a_time_as_people_type_it_leads_to_the_airing(shared_site: Site) -> None:
    """Or to the nearest ones."""
    with shared_site.client("lan") as client:
        exact = client.get("/why", params={"station": "dai-13573", "at": "05:00"})
        near = client.get("/why", params={"station": "dai-13573", "at": "hôm qua 06:00"})
        wrong = client.get("/why", params={"station": "dai-13573", "at": "sớm"})
        gone = client.get("/airings/dai-13573/2022-10-15T23:00:00Z")

    assert exact.headers["location"] == MISSED
    assert near.status_code == 200
    assert "/airings/dai-13573/2022-10-14T22:00:00Z" in near.text
    assert wrong.status_code == 422
    assert gone.status_code == 404
    assert MISSED in gone.text


def test_a_program_that_asks_for_what_was_not_planned_gets_a_problem(shared_site: Site) -> None:
    """404, with the code."""
    with shared_site.client("lan") as client:
        answer = client.get("/api/v1/airings/dai-13573/2022-10-15T23:00:00Z/why")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_person_says_otherwise_than_the_log_and_both_are_shown(site: Site) -> None:
    """On the page, in the log, its table and for programs; the proof itself stays."""
    reason = "Loa chạy bằng máy nổ, <b>dân</b> có nghe"
    with site.client("lan") as client:
        assert "Thực tế có khác với nhật ký của đầu phát" in client.get(MISSED).text
        assert client.submit(f"{MISSED}/objections", heard="yes", reason=reason).status_code == 303
        page = client.get(MISSED).text
        log = "first=2022-10-16&last=2022-10-16&grade=A&state=missed"
        [told] = client.get(f"/api/v1/airings?{log}").json()["airings"]
        table = client.get(f"/airings.csv?{log}").text
        assert "Có ý kiến khác với nhật ký" in client.get(f"/airings?{log}").text
        contested = log.replace("grade=A&state=missed", "contested=true")
        [same] = client.get(f"/api/v1/airings?{contested}").json()["airings"]
        [_, row] = client.get(f"/airings.csv?{contested}").text.splitlines()
        alone, every = (client.get(f"/airings?{one}").text for one in (contested, log))
        again = client.post(
            f"/api/v1{MISSED}/objections", json={"heard": True, "reason": "x"},
            headers={"origin": site.url},
        )  # fmt: skip
    assert "dân có nghe thấy: Loa chạy" in page
    assert "<b>dân</b>" not in page
    assert (same, "dân có nghe thấy: Loa chạy" in row) == (told, True)
    assert 'value="true" selected' in alone
    assert f'href="/airings?{contested}"'.replace("&", "&amp;") in every
    with site.client("tuan") as client:
        assert "1 lượt phát có ý kiến khác với nhật ký</a>" in client.get("/").text
        assert client.get("/api/v1/today").json()["waiting"]["contested"] == 1
    with site.client("lan") as client:
        assert client.get("/api/v1/today").json()["waiting"]["contested"] == 0  # her own word
    assert (told["state"], told["grade"], told["objection"]["heard"]) == ("missed", "A", True)
    assert "dân có nghe thấy: Loa chạy" in table
    assert again.status_code == 422
    with site.client("minh") as client:
        assert client.submit(f"{MISSED}/objections", heard="no", reason="x").status_code == 403
