"""
What Lighthouse says of the pages: performance, accessibility, best practices.

    .venv/bin/python benchmarks/lighthouse.py [--quick] [--desktop] [--json]

The province of ``web.py`` (109 stations), served by ``loa serve`` in a process of its own, each
page as the person who works with it opens it, in the system's Chromium as a slow phone
(Lighthouse's own preset: 1.6 Mbit/s, 150 ms, a processor four times slower). Needs Node's ``npx``;
Lighthouse itself is fetched by it and belongs to no lock of ours. ``--quick``: two pages.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.serve import _new_loa, _serving
from benchmarks.web import _fill
from scheduler import hub as hubs
from scheduler import people
from scheduler.config import load_settings
from scheduler.hub import Hub

LIGHTHOUSE = "lighthouse@^12"  # 13 wants a newer Node than Debian has
KINDS = ("performance", "accessibility", "best-practices")
REACH = 95
_TRIES = 3
# Who opens it (an empty name: nobody is signed in), and what.
PAGES = (
    ("district", "/"), ("", "/sign-in"), ("district", "/ready"), ("district", "/stations"),
    ("district", "/airings"), ("editor", "/programmes"), ("editor", "/timetable"),
    ("editor", "/timetable/calendar"), ("approver", "/approve"), ("administrator", "/people"),
    ("district", "/account"),
)  # fmt: skip
QUICK = 2
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON object")
    parser.add_argument("--quick", action="store_true", help="two pages")
    parser.add_argument("--desktop", action="store_true", help="as a desk, not as a slow phone")
    parser.add_argument(
        "--only", action="append", metavar="PATH", help="this page; may be repeated"
    )
    parser.add_argument("--rounds", type=int, default=1, help="the median of so many")
    options = parser.parse_args()
    missing = [name for name in ("npx", "chromium") if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"lighthouse needs {' and '.join(missing)}: install nodejs, npm, chromium")
    pages = PAGES[:QUICK] if options.quick else PAGES
    pages = tuple(one for one in pages if not options.only or one[1] in options.only)
    found: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory(prefix="loa-lighthouse-") as name:
        folder = Path(name)
        config = _new_loa(folder)
        hub = hubs.open_hub(load_settings(config))
        tokens = {"district": _fill(hub, 30)[0].token, **_others(hub), "": ""}
        with _serving(config, "--no-workers") as (_, address):
            for role, path in pages:
                found[path], report = _median(
                    _report(folder, address + path, tokens[role], options.desktop)
                    for _ in range(max(1, options.rounds))
                )
                if not options.json:
                    print(path, *(f"{key} {one}" for key, one in found[path].items()), sep="  ")
                    _tell_failed(report)
        hub.database.close()
    lowest = {kind: min(one[kind] for one in found.values()) for kind in KINDS}
    print(json.dumps({f"lighthouse_{kind.replace('-', '_')}": lowest[kind] for kind in KINDS}))
    return 0 if min(lowest.values()) >= REACH else 1


def _others(hub: Hub) -> dict[str, str]:
    """Sign-ins of those who work at the provincial station."""
    tokens = {}
    now = hub.clock.now()
    with hub.database.write() as session:
        for role in ("editor", "approver", "administrator"):
            people.add_person(session, username=role, full_name="Trần Thị Mai", role=role,
                              unit=None, now=now, by="benchmark")  # fmt: skip
            person = people.find_person(session, role)
            person.must_change_password = False
            tokens[role] = people.open_session(
                session, person, now=now, address=None, hours=12
            ).text
    return tokens


def _report(folder: Path, url: str, token: str, is_desktop: bool) -> dict[str, Any]:
    out = folder / "report.json"
    out.unlink(missing_ok=True)
    words = [
        "npx", "--yes", LIGHTHOUSE, url, "--quiet", "--output=json", f"--output-path={out}",
        f"--only-categories={','.join(KINDS)}", f"--chrome-flags={_FLAGS}",
    ]  # fmt: skip
    if token:
        words.append("--extra-headers=" + json.dumps({"Cookie": f"loa={token}"}))
    if is_desktop:
        words.append("--preset=desktop")
    surroundings = {**os.environ, "CHROME_PATH": shutil.which("chromium") or ""}
    for _ in range(_TRIES):
        done = subprocess.run(words, env=surroundings, capture_output=True, text=True, timeout=300)
        if not out.exists():
            raise SystemExit(f"lighthouse gave no report of {url}:\n{done.stderr.strip()}")
        report: dict[str, Any] = json.loads(out.read_text())
        if report.get("runtimeError", {}).get("code") != "NO_NAVSTART":
            break  # that one it asks to try again: the trace began after the page
    if report.get("runtimeError"):
        raise SystemExit(f"lighthouse could not look at {url}: {report['runtimeError']}")
    if report["finalDisplayedUrl"] != url:
        raise SystemExit(f"{url} led to {report['finalDisplayedUrl']}")
    return report


def _median(reports: Iterable[dict[str, Any]]) -> tuple[dict[str, int], dict[str, Any]]:
    """The scores, and the report, of the round that is in the middle by its performance."""
    ordered = sorted(reports, key=lambda one: one["categories"]["performance"]["score"])
    middle = ordered[(len(ordered) - 1) // 2]
    return _scores(middle), middle


def _scores(report: dict[str, Any]) -> dict[str, int]:
    return {kind: round(report["categories"][kind]["score"] * 100) for kind in KINDS}


def _tell_failed(report: dict[str, Any]) -> None:
    """What cost points, with its weight; what has none is advice."""
    for kind in KINDS:
        for part in report["categories"][kind]["auditRefs"]:
            audit = report["audits"][part["id"]]
            if audit["score"] is not None and audit["score"] < 0.9 and part["weight"]:
                print(f"    {kind} {part['id']}: {audit['title']} {audit.get('displayValue', '')}")


if __name__ == "__main__":
    sys.exit(main())
