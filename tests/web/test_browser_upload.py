"""An editor's upload in a real browser, with everything that happens to it on the way."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from scheduler import checks, programmes, renditions, uploads
from scheduler.store.models import PartialUpload, Programme
from scheduler.store.states import ProgrammeState
from tests.conftest import need
from tests.faults.harness.proxy import Proxy
from tests.web.chromium import opened
from tests.web.data import tone
from tests.web.site import Site, serving

SLOW = {
    "offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 120_000,
}  # fmt: skip
DROP = """([content, name, lastModified]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { lastModified }));
  const init = { dataTransfer, bubbles: true, cancelable: true };
  for (const kind of ["dragenter", "dragover", "drop"])
    document.querySelector(".drop").dispatchEvent(new DragEvent(kind, init));
}"""


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "bài_dài.wav"
    path.write_bytes(tone(523, 20))  # 640 kB
    return path


@pytest.fixture(autouse=True)
def _ffmpeg() -> Iterator[None]:
    from api.pages.render import lib

    need("ffmpeg", shutil.which("ffmpeg"))
    need("the front-end build (npm)", lib("tus.min.js"))
    yield


def come(site: Site) -> int:
    """How many bytes of the only upload are here."""
    with site.hub.database.read() as session:
        upload = session.query(PartialUpload).one_or_none()
    return uploads.received_bytes(site.hub, upload) if upload else 0


def wait_for_bytes(page: Page, site: Site, at_least: int) -> int:
    for _ in range(200):
        if come(site) >= at_least:
            return come(site)
        page.wait_for_timeout(50)
    raise AssertionError(f"only {come(site)} bytes came")


def start(page: Page, sound: Path, *, throttle: bool = True) -> None:
    if throttle:
        line = page.context.new_cdp_session(page)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", SLOW)
    if not page.locator("#file").is_visible():
        page.get_by_text("Tải chương trình lên").click()
    page.set_input_files("#file", sound)


def drop(page: Page, sound: Path) -> None:
    """As a file that is dragged out of a folder."""
    content = base64.b64encode(sound.read_bytes()).decode()
    modified = int(sound.stat().st_mtime * 1000)
    page.evaluate(DROP, [content, sound.name, modified])


def until(page: Page, script: str) -> None:
    """As ``wait_for_function``, which makes code from text, which our pages forbid."""
    for _ in range(200):
        if page.evaluate(script):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {script}")


def judged(site: Site) -> Programme:
    (waiting,) = checks.to_check(site.hub)
    assert checks.check(site.hub, waiting)
    with site.hub.database.read() as session:
        return session.get_one(Programme, waiting)


def test_upload_goes_on_after_a_reload(browser: Browser, site: Site, sound: Path) -> None:
    """Cut twice, by a reload and by another browser: what was typed and sent is still there."""
    page = opened(browser, site, "huong", "/programmes").page
    page.on("dialog", lambda dialog: dialog.accept())  # "leave the page?"
    start(page, sound)
    page.locator("#theme").fill("Vay vốn")
    wait_for_bytes(page, site, 100_000)
    page.reload()
    before = come(site)
    assert 0 < before < sound.stat().st_size
    assert "bài_dài.wav" in page.locator("section[aria-labelledby=unfinished]").inner_text()
    assert page.locator("#theme").input_value() == "Vay vốn"

    start(page, sound)
    wait_for_bytes(page, site, before + 20_000)
    page.get_by_role("button", name="Tạm dừng").click()
    page.context.close()
    page = opened(browser, site, "huong", "/programmes").page  # with another store of its own
    before = come(site)
    assert before < sound.stat().st_size
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.headers.get("upload-offset", "")))
    start(page, sound, throttle=False)
    page.get_by_text("Đã nhận đủ tệp.").first.wait_for()
    page.locator("#theme").fill("Vay vốn")
    page.route("**/programmes", lambda route: route.abort("aborted"))
    page.get_by_role("button", name="Tải lên và kiểm tra").click()
    page.unroute("**/programmes")
    page.reload()  # before any answer came
    assert page.locator("#theme").input_value() == "Vay vốn"
    drop(page, sound)
    page.get_by_text("Đã nhận đủ tệp.").first.wait_for()
    page.get_by_role("button", name="Tải lên và kiểm tra").click()
    page.wait_for_url("**/programmes/*done=uploaded")

    [offset] = [int(one) for one in sent if one]
    # What was on its way when the first browser went may still have been written.
    assert before <= offset < sound.stat().st_size
    programme = judged(site)
    assert programme.state is ProgrammeState.READY
    assert (programme.title, programme.theme) == ("bài dài", "Vay vốn")
    assert site.hub.master_path(programme).read_bytes() == sound.read_bytes()
    page.context.close()


def test_upload_goes_on_after_the_link_was_down(browser: Browser, site: Site, sound: Path) -> None:
    """Nothing has to be pressed: the link comes back, and the form that was sent is saved."""
    port = int(site.url.rsplit(":", 1)[1])
    with Proxy(port, bytes_per_s=150_000, cut_after=300_000) as line:
        far = replace(site, url=f"http://127.0.0.1:{line.port}")
        page = opened(browser, far, "huong", "/programmes").page
        offsets: list[str] = []
        page.on("request", lambda one: offsets.append(one.headers.get("upload-offset", "")))
        start(page, sound, throttle=False)
        page.get_by_role("button", name="Tải lên và kiểm tra").click()
        page.wait_for_url("**/programmes/*done=uploaded", timeout=30_000)
        assert line.cut_after is None, "the line was never cut"
        page.context.close()

    first, *again = [int(one) for one in offsets if one]
    assert first == 0
    assert again
    assert all(100_000 < one < sound.stat().st_size for one in again)
    assert site.hub.master_path(judged(site)).read_bytes() == sound.read_bytes()


def test_upload_goes_on_after_the_server_was_started_again(
    browser: Browser, site: Site, sound: Path
) -> None:
    """A restart in the middle of an upload: another process goes on where this one was cut."""
    with serving(site.hub, site.province) as first:
        port = int(first.url.rsplit(":", 1)[1])
        page = opened(browser, first, "huong", "/programmes").page
        start(page, sound)
        page.get_by_role("button", name="Tải lên và kiểm tra").click()
        wait_for_bytes(page, first, 50_000)
    with serving(site.hub, site.province, port=port):
        page.wait_for_url("**/programmes/*done=uploaded", timeout=30_000)

    assert site.hub.master_path(judged(site)).read_bytes() == sound.read_bytes()
    page.context.close()


def test_file_over_the_limit_is_told_before_a_byte_is_sent(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    """Three gigabytes over a village line would take a day, and be refused."""
    large = tmp_path / "lớn.wav"
    large.write_bytes(b"\0" * ((1 << 20) + 1))
    page = opened(browser, site, "huong", "/programmes").page
    start(page, large, throttle=False)

    assert "lớn hơn 1,0 MB" in page.get_by_role("alert").inner_text()
    assert come(site) == 0
    page.context.close()


def test_session_that_ends_while_uploading_loses_nothing(
    browser: Browser, site: Site, sound: Path
) -> None:
    """The page says what to do; after the sign-in in another tab it goes on."""
    page = opened(browser, site, "huong", "/programmes").page
    start(page, sound)
    wait_for_bytes(page, site, 50_000)
    cookies = page.context.cookies()
    page.context.clear_cookies()
    page.get_by_role("button", name="Tạm dừng").click()
    page.get_by_role("button", name="Tải tiếp").click()
    page.get_by_text("Phiên đăng nhập đã hết").wait_for()
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.get_by_role("button", name="Tải tiếp").click()
    page.get_by_text("Đã nhận đủ tệp.").first.wait_for(timeout=20_000)

    assert come(site) == sound.stat().st_size
    page.context.close()


def test_page_follows_the_check_and_shows_the_outline(
    browser: Browser, site: Site, sound: Path
) -> None:
    """Nobody presses reload: the check ends, and the sound is there to be heard."""
    page = opened(browser, site, "huong", "/programmes").page
    start(page, sound, throttle=False)
    page.get_by_role("button", name="Tải lên và kiểm tra").click()
    page.wait_for_url("**/programmes/*done=uploaded")
    assert page.get_by_role("progressbar").is_visible()
    judged(site)
    page.get_by_text("nghe như tiếng nói").wait_for(timeout=10_000)

    assert page.locator(".wave path.sound").count() == 1
    page.context.close()


def test_approver_listens_and_approves_with_the_keyboard_alone(
    browser: Browser, site: Site, sound: Path
) -> None:
    """The queue, the slider of the sound, the decision: without a mouse."""
    person = site.province.people["huong"]
    programme = checks.bring(
        site.hub, sound, programmes.ProgrammeDetails(title="Nghe bằng phím"), by=person,
        file_name="a.wav",
    )  # fmt: skip
    checks.check(site.hub, programme.id)
    renditions.render_due(site.hub, programme.id)
    programmes.approve(site.hub, 4, by=site.province.people["tuan"])
    page = opened(browser, site, "tuan", "/approve", width=360).page
    assert page.locator("h2#first").inner_text() == "Nghe bằng phím"

    page.locator("[data-wave]").focus()
    page.keyboard.press("PageUp")
    until(page, "document.querySelector('audio[data-plays]').readyState > 0")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('audio[data-plays]').currentTime === 5")
    assert page.locator("[data-wave]").get_attribute("aria-valuenow") == "5"
    page.keyboard.press("Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.textContent").strip() == "Duyệt":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/approve?done=approved")

    with site.hub.database.read() as session:
        assert session.get_one(Programme, programme.id).state is ProgrammeState.APPROVED
    assert page.get_by_text("Không có chương trình nào chờ duyệt.").is_visible()
    page.context.close()


def test_returned_programme_shows_its_editor_why(browser: Browser, site: Site) -> None:
    """The approver writes a reason on the phone; the editor reads it on the programme's page."""
    page = opened(browser, site, "tuan", "/approve", width=360).page
    page.get_by_text("Trả lại biên tập viên").first.click()
    page.locator("#reason").fill("Phút thứ 6 có khoảng lặng")
    page.get_by_role("button", name="Trả lại biên tập viên").click()
    page.wait_for_url("**/approve?done=rejected")
    page.context.close()
    page = opened(browser, site, "huong", "/programmes/4").page

    assert "Trần Anh Tuấn trả lại: Phút thứ 6 có khoảng lặng" in page.locator("main").inner_text()
    assert page.get_by_role("button", name="Gửi duyệt lại").is_visible()
    page.context.close()


def test_place_of_the_slider_goes_into_the_trim(browser: Browser, site: Site, sound: Path) -> None:
    """Where the editor listens is where the programme shall begin."""
    person = site.province.people["huong"]
    programme = checks.bring(
        site.hub, sound, programmes.ProgrammeDetails(title="Cắt"), by=person, file_name="a.wav"
    )
    checks.check(site.hub, programme.id)
    page = opened(browser, site, "huong", f"/programmes/{programme.id}").page
    page.locator("[data-wave]").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("[")
    assert page.locator("#start").input_value() == "0:05"
    page.get_by_role("button", name="Giữ phần này").click()
    page.wait_for_url("**done=trimmed")

    with site.hub.database.read() as session:
        assert session.get_one(Programme, programme.id).trim_start_ms == 5000
    assert page.locator(".wave rect.cut").count() == 1
    page.context.close()
