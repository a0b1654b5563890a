"""A line of the timetable tried as it is being written, for programs: nothing is saved."""

from __future__ import annotations

from datetime import date

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import Viewer, hub_of
from api.fields import PathId
from api.json.problems import FixOut, fixes_in_words
from api.json.routes import program_routes
from api.json.timetable import SlotChangesIn, SlotIn
from api.pages.render import translator_of
from api.pages.timetable import Planner
from api.rulewords import describe, notice_sentences
from scheduler import slots
from scheduler.hearing import rule_of
from scheduler.slots import SlotDetails
from scheduler.slottrial import Trial, try_line

router = program_routes("/slots", tag="timetable")


class ObstacleOut(BaseModel):
    """One thing that stands in the way of a line."""

    code: str
    sentence: str


class ComingOut(BaseModel):
    """When the line would air."""

    on: date = Field(description="the broadcast date, in local time")
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class TrialOut(BaseModel):
    """What would become of a line if it were saved like this."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "may_stand": False,
                "problems": [
                    {
                        "code": "slots_overlap",
                        "sentence": 'Khung giờ này trùng với "Bản tin sáng" tại Đài xã Đạo Lý '
                        "ngày 12/03/2022: 05:00-05:30. Hãy chọn giờ khác.",
                    }
                ],
                "fixes": [
                    {
                        "kind": "other_time",
                        "sentence": "Phát lúc 05:30",
                        "changes": {"starts_at": "05:30:00"},
                    }
                ],
                "notices": [],
                "in_words": "Hằng ngày lúc 05:00",
                "coming": [],
            }
        }
    )

    may_stand: bool
    problems: list[ObstacleOut] = Field(description="why it would be refused; the first one first")
    fixes: list[FixOut] = Field(description="proposals that were tried")
    notices: list[str] = Field(description="what to know of a line that may stand")
    in_words: str
    coming: list[ComingOut] = Field(description="its next airings, ten at most")


@router.post("/check")
def check_new_slot(request: Request, viewer: Planner, body: SlotIn) -> TrialOut:
    """Would this line be taken? Nothing is saved; ``POST /slots`` with the same body saves it."""
    return _told(request, _tried(request, viewer, body.details(), None))


@router.post("/{slot_id}/check")
def check_slot(request: Request, viewer: Planner, slot_id: PathId, body: SlotChangesIn) -> TrialOut:
    """Would this change be taken? Nothing is saved; ``PATCH`` with the same body saves it."""
    with hub_of(request).database.read() as session:
        stands = slots.details_of(slots.find_slot(session, slot_id))
    return _told(
        request, _tried(request, viewer, slots.with_changes(stands, body.changes()), slot_id)
    )


def _tried(request: Request, viewer: Viewer, details: SlotDetails, slot_id: int | None) -> Trial:
    hub = hub_of(request)
    with hub.database.read() as session:
        return try_line(hub, session, details, by=viewer.person, slot_id=slot_id)


def _told(request: Request, trial: Trial) -> TrialOut:
    tr, refused = translator_of(request), trial.refused
    return TrialOut(
        may_stand=refused is None,
        problems=[
            ObstacleOut(code=one.code, sentence=tr.error(one))
            for one in (refused.problems or (refused,))
        ] if refused else [],
        fixes=fixes_in_words(refused, tr) if refused else [],
        notices=list(notice_sentences(tr, trial.notices)),
        in_words=describe(rule_of(trial.line), tr),
        coming=[
            ComingOut(on=one.on, starts_at=one.starts_at, ends_at=one.ends_at)
            for one in trial.coming
        ],
    )  # fmt: skip
