"""The check as work of its own, on both databases: claimed, renewed, taken over, given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from audio.errors import NotAudio, TookTooLong
from scheduler import checks, programmes, renditions
from scheduler.clock import ManualClock
from scheduler.errors import AlreadyExists, CheckGaveUp, WrongState
from scheduler.hub import Hub
from scheduler.programmes import ProgrammeDetails
from scheduler.store.models import Person, Programme, Rendition
from scheduler.store.states import ProgrammeState, RenditionState, moving
from tests.unit.scheduler.test_uploads import added
from tests.web.data import tone


@pytest.fixture
def editor(empty_hub: Hub) -> Person:
    return added(empty_hub, "huong")


@pytest.fixture
def brought(empty_hub: Hub, editor: Person, tmp_path: Path) -> Programme:
    file = tmp_path / "bản_tin.wav"
    file.write_bytes(tone(440, 3))
    return checks.bring(empty_hub, file, ProgrammeDetails(), by=editor, file_name=file.name)


def now(hub: Hub, programme: Programme) -> Programme:
    with hub.database.read() as session:
        return session.get_one(Programme, programme.id)


def test_file_is_in_the_archive_at_once_and_judged_later(
    empty_hub: Hub, brought: Programme
) -> None:
    """Nobody waits for the check; when it is done the encodings that people hear are due."""
    assert brought.state is ProgrammeState.UPLOADED
    assert empty_hub.master_path(brought).read_bytes() == tone(440, 3)
    assert checks.to_check(empty_hub) == [brought.id]

    assert checks.check(empty_hub, brought.id)

    judged = now(empty_hub, brought)
    assert (judged.state, judged.title, judged.ms) == (ProgrammeState.READY, "bản tin", 3000)
    assert checks.to_check(empty_hub) == []
    assert list(empty_hub.tmp.iterdir()) == []
    with empty_hub.database.read() as session:
        assert session.get_one(Programme, brought.id).peaks
        assert {one.state for one in session.query(Rendition)} == {RenditionState.DUE}


def test_second_checker_leaves_the_first_alone(empty_hub: Hub, brought: Programme) -> None:
    """Two messages about one programme: one of them finds it taken."""
    claim = checks._claim(empty_hub, brought.id)

    assert claim is not None
    assert checks.check(empty_hub, brought.id) is False
    assert now(empty_hub, brought).check_attempts == 1


def test_dead_checkers_programme_is_taken_up_and_its_late_result_is_refused(
    empty_hub: Hub, brought: Programme, clock: ManualClock
) -> None:
    """A worker that was killed, or that froze and comes back: the programme is judged once."""
    frozen = checks._claim(empty_hub, brought.id)
    assert frozen is not None
    clock.advance(timedelta(seconds=61))

    assert checks.to_check(empty_hub) == [brought.id]
    assert checks.check(empty_hub, brought.id)
    assert checks._refuse(empty_hub, frozen, NotAudio()) is False

    assert now(empty_hub, brought).state is ProgrammeState.READY


def test_check_that_fails_because_of_the_machine_is_tried_again(
    empty_hub: Hub, brought: Programme, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is too slow today does not send an editor's file back."""
    failing(monkeypatch, TookTooLong(program="ffmpeg", wall_s=1))

    assert checks.check(empty_hub, brought.id) is False

    waits = now(empty_hub, brought)
    assert waits.state is ProgrammeState.UPLOADED
    assert waits.check_error and waits.check_error["code"] == "took_too_long"
    assert checks.to_check(empty_hub) == []
    clock.advance(timedelta(minutes=6))
    assert checks.to_check(empty_hub) == [brought.id]


def test_file_that_kills_every_checker_goes_back_to_its_editor(
    empty_hub: Hub, brought: Programme, clock: ManualClock
) -> None:
    """Five dead checkers are enough; the sixth does not look."""
    for _ in range(checks.MOST_TRIES):
        assert checks._claim(empty_hub, brought.id)
        clock.advance(timedelta(minutes=2))

    assert checks.check(empty_hub, brought.id) is False

    given_up = now(empty_hub, brought)
    assert given_up.state is ProgrammeState.REJECTED
    assert given_up.check_error and given_up.check_error["code"] == CheckGaveUp.code


def test_what_is_no_sound_is_refused_before_it_is_kept(
    empty_hub: Hub, editor: Person, tmp_path: Path
) -> None:
    """A text that is called .mp3 leaves no row and no file."""
    file = tmp_path / "x.mp3"
    file.write_bytes(b"no sound " * 100)
    with pytest.raises(NotAudio):
        checks.bring(empty_hub, file, ProgrammeDetails(), by=editor, file_name="x.mp3")

    assert list(empty_hub.masters.iterdir()) == []
    assert list(empty_hub.tmp.iterdir()) == []


def test_same_bytes_are_told_and_kept_once(
    empty_hub: Hub, editor: Person, brought: Programme, tmp_path: Path
) -> None:
    """Also while the first is still being checked."""
    file = tmp_path / "again.wav"
    file.write_bytes(tone(440, 3))
    with pytest.raises(AlreadyExists):
        checks.bring(empty_hub, file, ProgrammeDetails(), by=editor, file_name="again.wav")


def test_trimmed_programme_is_encoded_anew_and_an_old_builder_brings_nothing(
    empty_hub: Hub, editor: Person, brought: Programme
) -> None:
    """Who listens after the trimming hears what is kept, whoever was at work before it."""
    checks.check(empty_hub, brought.id)
    (claimed,) = renditions._claim_renditions(empty_hub, brought.id)

    programmes.trim(empty_hub, brought.id, 1000, None, by=editor)
    assert renditions._finish(empty_hub, claimed, {}, "late") == []
    built = renditions.render_due(empty_hub, brought.id)

    assert [one.ms for one in built] == [pytest.approx(2000, abs=100)] * 2
    trimmed = now(empty_hub, brought)
    assert (trimmed.trim_start_ms, trimmed.trim_end_ms) == (1000, None)


def test_approved_programme_is_changed_by_nobody(
    empty_hub: Hub, editor: Person, brought: Programme
) -> None:
    """What the approver heard is what airs."""
    checks.check(empty_hub, brought.id)
    programmes.approve(empty_hub, brought.id, by=added(empty_hub, "tuan", "approver"))

    with pytest.raises(WrongState):
        programmes.trim(empty_hub, brought.id, 1000, None, by=editor)
    with pytest.raises(WrongState):
        programmes.change_details(empty_hub, brought.id, ProgrammeDetails(title="Khác"), by=editor)


def test_returned_programme_waits_again_after_its_editor_mended_it(
    empty_hub: Hub, editor: Person, brought: Programme
) -> None:
    """The reason is the editor's to read, then that of who approves what was mended."""
    checks.check(empty_hub, brought.id)
    approver = added(empty_hub, "tuan", "approver")
    programmes.reject(empty_hub, brought.id, by=approver, reason="Cắt bớt\nđầu")
    assert now(empty_hub, brought).returned_reason == "Cắt bớt đầu"

    programmes.trim(empty_hub, brought.id, 500, 2500, by=editor)
    programmes.resubmit(empty_hub, brought.id, by=editor)

    again = now(empty_hub, brought)
    assert (again.state, again.returned_reason) == (ProgrammeState.READY, "Cắt bớt đầu")


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def measure(*args: object, **kwargs: Callable[[float], None]) -> None:
        raise error

    monkeypatch.setattr(checks, "measure", measure)


def test_withdrawn_while_it_is_checked_stays_withdrawn(empty_hub: Hub, brought: Programme) -> None:
    """A state that somebody changed is not changed back by a checker that did not know."""
    claim = checks._claim(empty_hub, brought.id)
    assert claim is not None
    with empty_hub.database.write() as session:
        session.execute(moving(Programme, ProgrammeState.REJECTED))

    assert checks._refuse(empty_hub, claim, TookTooLong(program="x", wall_s=1)) is False
    assert now(empty_hub, brought).state is ProgrammeState.REJECTED
