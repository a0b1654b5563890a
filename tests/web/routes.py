"""Every route: who may open it, whether a unit bounds it, and what does the same under /api/v1.

A route that is not in this table fails a test, and so does a row without a route. The paths and
bodies hold fields in braces; ``test_access.py`` fills them with what lies in the asker's own unit
or in another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Who has the role.
ROLES = {"a": "admin", "e": "huong", "p": "tuan", "t": "ky", "d": "lan", "c": "dao"}
ALL = "aeptdc"
BRING = "aepdc"  # all but the technician, who cares for boxes
BOXES = "at"


@dataclass(frozen=True)
class Row:
    """What is expected of one route."""

    who: str  # letters of ROLES
    same: str = ""  # the route under /api/v1 that does the same
    alone: str = ""  # or why there is none
    body: Mapping[str, object] | None = None  # a form or a document that gets past its checks
    query: str = ""
    bounded: bool = False  # refused where it is about another unit


SIGN_IN = "the sign-in itself: a program comes with its token"
_OWN_DOOR = "a leaked token must not open, or close, the door of its person"
_PUBLIC = "open to everybody; its RSS is what programs read"
_SECRET = "read by calendar programs: the address is the secret"
_KEY = "a secret of a box: it is carried by hand, and never told to a program"

# ── Pages ──────────────────────────────────────────────────────────────────────────────────────

_SLOT = {"title": "Tin xã", "audience": "unit:{unit}", "programme_id": "1", "starts_at": "20:40",
         "do": "add"}  # fmt: skip
_WORD = {"station_id": "{station_id}", "planned_at": "{at}", "aired": "yes"}

PAGES = {
    "GET /": Row(ALL, "GET /today", query="unit={unit}", bounded=True),
    "GET /tonight": Row(ALL, "GET /today", query="unit={unit}", bounded=True),
    "POST /confirm": Row(BRING, "POST /airings/{station}/{planned_at}/confirm", body=_WORD,
                         bounded=True),
    "GET /ready": Row(ALL, "GET /ready", query="unit={unit}", bounded=True),
    "POST /ready/resend": Row("aeptd", "POST /ready/resend", body={"code": "{code}"}, bounded=True),
    "GET /stations": Row(ALL, "GET /stations", query="unit={unit}", bounded=True),
    "POST /stations/retry": Row("aeptd", "POST /stations/{code}/retry", body={"code": "{code}"},
                                bounded=True),
    "GET /stations/{code}": Row(ALL, "GET /stations/{code}", bounded=True),
    "GET /stations/{code}/edit": Row(BOXES, "GET /stations/{code}/sheet"),
    "POST /stations/{code}/edit": Row(BOXES, "PATCH /stations/{code}"),
    "POST /stations/{code}/active": Row(BOXES, "POST /stations/{code}/active",
                                        body={"active": "yes"}),
    "POST /stations/{code}/host-key": Row(BOXES, "POST /stations/{code}/host-key",
                                          body={"fingerprint": "SHA256:x"}),
    "POST /stations/{code}/key/file": Row(BOXES, alone=_KEY, body={"which": "current"}),
    "POST /stations/{code}/key/begin": Row(BOXES, "POST /stations/{code}/keys"),
    "POST /stations/{code}/key/keep": Row(BOXES, "DELETE /stations/{code}/keys/{number}"),
    "GET /new-station": Row(BOXES, "GET /stations/{code}/sheet"),
    "POST /new-station": Row(BOXES, "POST /stations"),
    "GET /import": Row(BOXES, "GET /stations"),
    "GET /import/template.csv": Row(BOXES, "GET /stations"),
    "POST /import": Row(BOXES, "POST /stations/import"),
    "POST /import/apply": Row(BOXES, "POST /stations/import", body={"table": "code\nx"}),
    "GET /map": Row(ALL, "GET /stations", query="unit={unit}", bounded=True),
    "GET /links": Row(ALL, "GET /links"),
    "POST /links": Row(BOXES, "POST /links", body={"name": ""}),
    "POST /links/change": Row(BOXES, "PUT /links/{link_id}", body={"link_id": "99"}),
    "POST /links/remove": Row(BOXES, "DELETE /links/{link_id}", body={"link_id": "99"}),
    "GET /units": Row(ALL, "GET /units"),
    "GET /units/pick": Row(ALL, "GET /units", query="name=unit"),
    "GET /units/import": Row("a", "GET /units"),
    "GET /units/import/template.csv": Row("a", "GET /units"),
    "POST /units/import": Row("a", "POST /units/import"),
    "POST /units/import/apply": Row("a", "POST /units/import", body={"table": "code\nx"}),
    "GET /units/{unit_id}": Row(ALL, "GET /units"),
    "POST /units/events": Row(BOXES, "POST /units/events", body={"on": ""}),
    "GET /stations/{code}/week": Row(ALL, "GET /schedule/{on}", bounded=True),
    "GET /stations/{code}/confirm": Row(ALL, "GET /schedule/{on}", bounded=True),
    "POST /stations/{code}/confirm": Row(BRING, "POST /airings/{station}/{planned_at}/confirm",
                                         body={"planned_at": "{at}", "aired": "yes"},
                                         bounded=True),
    "GET /airings": Row(ALL, "GET /airings", query="unit={unit}", bounded=True),
    "GET /airings.csv": Row(ALL, "GET /airings", query="unit={unit}", bounded=True),
    "GET /airings.xlsx": Row(ALL, "GET /airings", query="unit={unit}", bounded=True),
    "POST /airings/{station}/{planned_at}/objections": Row(
        "aepd", "POST /airings/{station}/{planned_at}/objections", bounded=True,
        body={"heard": "no", "reason": "x"}),
    "GET /airings/confirm": Row(BRING, "GET /airings", query="unit={unit}", bounded=True),
    "POST /airings/confirm": Row(BRING, "POST /airings/confirm", query="unit={unit}",
                                 body={"aired": "yes"}, bounded=True),
    "GET /airings/{station}/{planned_at}": Row(
        ALL, "GET /airings/{station}/{planned_at}/why", bounded=True),
    "GET /why": Row(ALL, "GET /airings/{station}/{planned_at}/why",
                    query="station={code}&at=05:00", bounded=True),
    "GET /programmes": Row(ALL, "GET /programmes"),
    "POST /programmes": Row(BRING, "POST /programmes", body={"title": "Không có tệp"}),
    "POST /programmes/uploads/{upload_id}/discard": Row(BRING, "DELETE /uploads/{upload_id}"),
    "GET /programmes/{programme_id}": Row(ALL, "GET /programmes/{programme_id}"),
    "GET /programmes/{programme_id}/check": Row(ALL, "GET /programmes/{programme_id}"),
    "GET /programmes/{programme_id}/audio": Row(ALL, "GET /programmes/{programme_id}/audio"),
    "GET /programmes/{programme_id}/rendition": Row(
        ALL, "GET /programmes/{programme_id}/rendition"),
    "GET /programmes/{programme_id}/horn": Row(ALL, "GET /programmes/{programme_id}/preview"),
    # Of another's programme: only an editor or an approver; the others mend their own.
    "POST /programmes/{programme_id}/details": Row(
        "aep", "PATCH /programmes/{programme_id}", body={"title": "Tên mới"}),
    "POST /programmes/{programme_id}/trim": Row(
        "aep", "POST /programmes/{programme_id}/trim", body={"start": "0:01", "end": "1:00"}),
    "POST /programmes/{programme_id}/resubmit": Row(
        "aep", "POST /programmes/{programme_id}/resubmit"),
    "POST /programmes/{programme_id}/approve": Row(
        "ap", "POST /programmes/{programme_id}/approve"),
    "POST /programmes/{programme_id}/reject": Row(
        "ap", "POST /programmes/{programme_id}/reject", body={"reason": "Nhỏ tiếng"}),
    "POST /programmes/{programme_id}/withdraw": Row(
        "aep", "POST /programmes/{programme_id}/withdraw", body={"reason": "Số liệu cũ"}),
    "POST /programmes/{programme_id}/publish": Row(
        "aep", "POST /programmes/{programme_id}/publish"),
    "POST /programmes/{programme_id}/unpublish": Row(
        "aep", "POST /programmes/{programme_id}/unpublish"),
    "GET /approve": Row("ap", "GET /programmes"),
    "GET /timetable": Row(ALL, "GET /slots"),
    "POST /timetable": Row("aedc", "POST /slots", body=_SLOT, bounded=True),
    "GET /timetable/new": Row("aedc", "POST /slots"),
    "GET /timetable/check": Row("aedc", "POST /slots/check"),
    "GET /timetable/export.ics": Row(ALL, "GET /calendar"),
    "GET /timetable/import": Row("aedc", "GET /calendar"),
    "POST /timetable/import": Row("aedc", "POST /calendar"),
    "POST /timetable/import/apply": Row("aedc", "POST /calendar", body={"table": "x"}),
    "GET /timetable/{slot_id}/edit": Row("aedc", "GET /slots/{slot_id}"),
    "POST /timetable/{slot_id}/edit": Row("aedc", "PATCH /slots/{slot_id}",
                                          body={**_SLOT, "valid_from": "2022-10-20"}, bounded=True),
    "GET /timetable/calendar": Row(ALL, "GET /timetable/days", query="unit={unit}", bounded=True),
    "GET /timetable/calendar.json": Row(
        ALL, "GET /timetable/days", bounded=True,
        query="unit={unit}&start=2022-10-17T00:00:00&end=2022-10-24T00:00:00"),
    "GET /timetable/{slot_id}/days/{on}": Row(ALL, "GET /slots/{slot_id}/days"),
    "POST /timetable/{slot_id}/days/{on}": Row(
        "aedc", "POST /slots/{slot_id}/days", body={"what": "skip", "reason": "Mất điện"},
        bounded=True),
    "GET /timetable/{slot_id}/remove": Row("aedc", "GET /slots"),
    "POST /timetable/{slot_id}/remove": Row("aedc", "DELETE /slots/{slot_id}", bounded=True),
    "GET /timetable/changes": Row(ALL, "GET /timetable/diff"),
    "POST /timetable/release": Row(BRING, "POST /timetable/releases"),
    "POST /timetable/restore": Row(BRING, "POST /timetable/restore", body={"version": "1"}),
    "GET /clashes": Row(ALL, "GET /clashes", query="unit={unit}", bounded=True),
    "POST /clashes": Row("aedc", "POST /clashes/order", bounded=True,
                         body={"unit_code": "{unit}", "on": "2022-10-18", "order": "1 2"}),
    "GET /alerts": Row(BRING, "GET /alerts"),
    "POST /alerts": Row(BRING, "POST /alerts"),
    "GET /alerts/{alert_id}": Row(BRING, "GET /alerts/{alert_id}"),
    "GET /urgent": Row("ap", "GET /bulletins"),
    "POST /urgent/confirm": Row("ap", "GET /bulletins/reach",
                                body={"programme_id": "1", "units": "353", "reason": "Lũ"}),
    "POST /urgent/send": Row(
        "ap", "POST /bulletins", body={"programme_id": "1", "units": "353", "reason": "Thử",
                                       "minutes": "60", "kind": "drill"}),
    "GET /urgent/{bulletin_id}": Row("ap", "GET /bulletins/{bulletin_id}"),
    "POST /urgent/{bulletin_id}/withdraw": Row(
        "ap", "POST /bulletins/{bulletin_id}/withdraw", body={"reason": "Đã qua"}),
    "GET /feeds": Row(ALL, "GET /feeds"),
    "POST /feeds": Row(ALL, "POST /feeds", body={"unit": "{unit}", "label": "Chị Đào"},
                       bounded=True),
    "POST /feeds/revoke": Row(ALL, "DELETE /feeds/{feed_id}", body={"feed_id": "{feed_id}"},
                              bounded=True),
    "GET /people": Row("a", "GET /people"),
    "POST /people": Row("a", "POST /people", body={"username": "x", "full_name": "X"}),
    "GET /people/{username}": Row("a", "GET /people/{username}"),
    "POST /people/invite": Row("a", "POST /people/{username}/invitation",
                               body={"username": "khong-ai"}),
    "POST /people/role": Row("a", "PUT /people/{username}/role", body={"username": "khong-ai"}),
    "POST /people/second-factor": Row("a", "DELETE /people/{username}/second-factor",
                                      body={"username": "khong-ai"}),
    "POST /people/end": Row("a", "DELETE /people/{username}/sign-ins/{handle}",
                            body={"username": "khong-ai"}),
    "POST /people/secret": Row("a", "POST /people/{username}/secret",
                               body={"username": "khong-ai"}),
    "POST /people/access": Row("a", "PUT /people/{username}/access",
                               body={"username": "khong-ai", "active": "no"}),
    "GET /ledger": Row("a", "GET /ledger"),
    "POST /ledger/check": Row("a", "POST /ledger/chain/check"),
    "GET /tokens": Row(ALL, "GET /tokens"),
    "POST /tokens": Row(ALL, "POST /tokens", body={"name": "thử", "scope": "airings:read"}),
    "POST /tokens/revoke": Row(ALL, "DELETE /tokens/{token_id}", body={"token_id": "99999"}),
    "GET /account": Row(ALL, "GET /account"),
    "POST /account/end": Row(ALL, "DELETE /account/sign-ins/{handle}",
                             body={"handle": "0" * 16}),
    "POST /account/second-factor": Row(ALL, alone=_OWN_DOOR),
    "POST /account/second-factor/confirm": Row(ALL, alone=_OWN_DOOR, body={"code": "1"}),
    "POST /account/second-factor/remove": Row(ALL, alone=_OWN_DOOR),
    "GET /password": Row(ALL, alone=_OWN_DOOR),
    "POST /password": Row(ALL, alone=_OWN_DOOR, body={"old": "x", "new": "y", "again": "z"}),
    "POST /sign-out": Row(ALL, alone=SIGN_IN),
    "GET /sign-in": Row(ALL, alone=SIGN_IN),
    "POST /sign-in": Row(ALL, alone=SIGN_IN),
    "GET /second": Row(ALL, alone=SIGN_IN),
    "POST /second": Row(ALL, alone=SIGN_IN),
    "GET /welcome/{token}": Row(ALL, alone=SIGN_IN),
    "POST /welcome/{token}": Row(ALL, alone=SIGN_IN),
    "GET /language/{language}": Row(ALL, alone="a cookie of the browser"),
    "GET /feeds/{token}.ics": Row(ALL, alone=_SECRET),
    "GET /listen": Row(ALL, alone=_PUBLIC),
    "GET /listen/frame": Row(ALL, alone=_PUBLIC),
    "GET /listen/feed.xml": Row(ALL, alone=_PUBLIC),
    "GET /listen/{programme_id}": Row(ALL, alone=_PUBLIC),
    "GET /listen/{programme_id}/sound.{extension}": Row(ALL, alone=_PUBLIC),
}  # fmt: skip

# ── The API ────────────────────────────────────────────────────────────────────────────────────

_SLOT_IN = {"title": "Tin xã", "unit_code": "{unit}", "audience": ["unit:{unit}"],
            "programme_id": 1, "starts_at": "20:40"}  # fmt: skip
_REASON = {"reason": "Nhỏ tiếng"}
_DUTY = {"role": "editor", "unit": None}

API = {
    "GET /today": Row(ALL, query="unit={unit}", bounded=True),
    "GET /programmes": Row(ALL),
    "POST /programmes": Row(BRING),
    "GET /programmes/{programme_id}": Row(ALL),
    "PATCH /programmes/{programme_id}": Row("aep", body={"title": "Tên mới"}),
    "GET /programmes/{programme_id}/preview": Row(ALL),
    "GET /programmes/{programme_id}/audio": Row(ALL),
    "GET /programmes/{programme_id}/rendition": Row(ALL),
    "POST /programmes/{programme_id}/trim": Row("aep", body={"start_ms": 1000, "end_ms": 60000}),
    "POST /programmes/{programme_id}/reject": Row("ap", body=_REASON),
    "POST /programmes/{programme_id}/resubmit": Row("aep"),
    "POST /programmes/{programme_id}/approve": Row("ap"),
    "POST /programmes/{programme_id}/withdraw": Row("aep", body=_REASON),
    "POST /programmes/{programme_id}/publish": Row("aep"),
    "POST /programmes/{programme_id}/unpublish": Row("aep"),
    "GET /uploads": Row(BRING),
    "POST /uploads": Row(BRING),
    "HEAD /uploads/{upload_id}": Row(BRING),
    "PATCH /uploads/{upload_id}": Row(BRING),
    "DELETE /uploads/{upload_id}": Row(BRING),
    "GET /stations": Row(ALL, query="unit={unit}", bounded=True),
    "GET /stations/{code}": Row(ALL, bounded=True),
    "GET /stations/{code}/visits": Row(ALL, bounded=True),
    "POST /stations/{code}/retry": Row("aeptd", bounded=True),
    "POST /stations": Row(BOXES, body={"code": "x"}),
    "POST /stations/import": Row(BOXES, body={"table": "code\nx"}),
    "GET /stations/{code}/sheet": Row(BOXES),
    "PATCH /stations/{code}": Row(BOXES, body={"version": "x"}),
    "POST /stations/{code}/active": Row(BOXES, body={"active": True}),
    "POST /stations/{code}/host-key": Row(BOXES, body={"fingerprint": "SHA256:x"}),
    "GET /stations/{code}/keys": Row(BOXES),
    "POST /stations/{code}/keys": Row(BOXES),
    "DELETE /stations/{code}/keys/{number}": Row(BOXES),
    "GET /links": Row(ALL),
    "POST /links": Row(BOXES, body={"name": ""}),
    "PUT /links/{link_id}": Row(BOXES, body={"name": ""}),
    "DELETE /links/{link_id}": Row(BOXES),
    "GET /units": Row(ALL),
    "GET /units/events": Row(ALL),
    "POST /units/events": Row(BOXES, body={"on": ""}),
    "POST /units/import": Row("a", body={"table": "code\nx"}),
    "GET /slots": Row(ALL),
    "GET /slots/{slot_id}": Row(ALL),
    "PATCH /slots/{slot_id}": Row("aedc", body={"late_ok_s": 300}, bounded=True),
    "POST /slots": Row("aedc", body=_SLOT_IN, bounded=True),
    "DELETE /slots/{slot_id}": Row("aedc", bounded=True),
    "POST /slots/check": Row("aedc", body=_SLOT_IN, bounded=True),
    "POST /slots/{slot_id}/check": Row("aedc", body={"late_ok_s": 300}, bounded=True),
    "GET /calendar": Row(ALL),
    "POST /calendar": Row("aedc", body={"calendar": "x"}),
    "GET /schedule/{on}": Row(ALL, query="unit={unit}", bounded=True),
    "GET /timetable/days": Row(ALL, query="unit={unit}", bounded=True),
    "GET /slots/{slot_id}/days": Row(ALL),
    "POST /slots/{slot_id}/days": Row("aedc", body={"on": "2022-10-18", "reason": "Mất điện"},
                                      bounded=True),
    "DELETE /slots/{slot_id}/days/{on}": Row("aedc", bounded=True),
    "GET /timetable/diff": Row(ALL),
    "GET /timetable/releases": Row(ALL),
    "POST /timetable/releases": Row(BRING, body={"note": "thử"}),
    "POST /timetable/restore": Row(BRING, body={"version": 1}),
    "GET /clashes": Row(ALL, query="unit={unit}", bounded=True),
    "POST /clashes/order": Row("aedc", bounded=True, body={
        "unit": "{unit}", "days": ["2022-10-18"], "slot_ids": [1, 2]}),
    "GET /air": Row(ALL),
    "GET /air/{unit}": Row(ALL),
    "PUT /air/{unit}": Row("aedc", body={"session_minutes": 60}, bounded=True),
    "DELETE /air/{unit}": Row("aedc", bounded=True),
    "GET /airings": Row(ALL, query="first=2022-10-16&last=2022-10-16&unit={unit}", bounded=True),
    "POST /airings/confirm": Row(BRING, bounded=True, body={
        "first": "2022-10-15", "last": "2022-10-16", "unit": "{unit}", "aired": True}),
    "POST /airings/{station}/{planned_at}/confirm": Row(BRING, body={"aired": True}, bounded=True),
    "POST /airings/{station}/{planned_at}/objections": Row("aepd", bounded=True, body={
        "heard": False, "reason": "x"}),
    "GET /airings/{station}/{planned_at}/why": Row(ALL, bounded=True),
    "GET /alerts": Row(BRING),
    "POST /alerts": Row(BRING, body={"cap": "<alert/>"}),
    "GET /alerts/{alert_id}": Row(BRING),
    "GET /bulletins": Row("ap"),
    "POST /bulletins": Row("ap", body={"programme_id": 1, "units": ["353"], "reason": "Thử",
                                       "is_drill": True}),
    "GET /bulletins/reach": Row("ap", query="unit=353"),
    "GET /bulletins/{bulletin_id}": Row("ap"),
    "POST /bulletins/{bulletin_id}/withdraw": Row("ap", body=_REASON),
    "GET /ready": Row(ALL, query="unit={unit}", bounded=True),
    "POST /ready/resend": Row("aeptd", body={"station": "{code}"}, bounded=True),
    "GET /feeds": Row(ALL),
    "POST /feeds": Row(ALL, body={"unit": "{unit}", "label": "Chị Đào"}, bounded=True),
    "DELETE /feeds/{feed_id}": Row(ALL, bounded=True),
    "GET /account": Row(ALL),
    "DELETE /account/sign-ins/{handle}": Row(ALL),
    "GET /people": Row("a"),
    "POST /people": Row("a", body={"username": "x1", "full_name": "X", **_DUTY, "unit": "0"}),
    "GET /people/{username}": Row("a"),
    "POST /people/{username}/invitation": Row("a"),
    "POST /people/{username}/secret": Row("a"),
    "PUT /people/{username}/role": Row("a", body=_DUTY),
    "PUT /people/{username}/access": Row("a", body={"is_open": True}),
    "DELETE /people/{username}/second-factor": Row("a"),
    "DELETE /people/{username}/sign-ins/{handle}": Row("a"),
    "GET /tokens": Row(ALL),
    "POST /tokens": Row(ALL, body={"name": "thử", "scopes": ["airings:read"]}),
    "DELETE /tokens/{token_id}": Row(ALL),
    "GET /notices": Row("a"),
    "POST /notices/{notice_id}/retry": Row("a"),
    "GET /ledger": Row("a"),
    "GET /ledger/chain": Row("a"),
    "POST /ledger/chain/check": Row("a"),
    "GET /openapi.json": Row(ALL),
}  # fmt: skip

# Beside pages and API: a browser's own, with a cookie only.
OTHERS = {
    "POST /uploads": Row(BRING),
    "HEAD /uploads/{upload_id}": Row(BRING),
    "PATCH /uploads/{upload_id}": Row(BRING),
    "DELETE /uploads/{upload_id}": Row(BRING),
    "GET /live/tonight": Row(ALL),  # tells only that something changed
    "GET /health": Row(ALL),
}
