"""What there is: every command with its place and the line that a list shows of it.

A test holds the lines against the commands themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

from api.cli.lazy import Lazy, LazyGroup

_UNIT = LazyGroup(
    name="unit",
    help="The administrative map: provinces, districts, communes.",
    lazy={
        "template": Lazy("api.cli.unit:template", "Print the table to fill in."),
        "import": Lazy("api.cli.unit:import_", "Import one or several maps of the province."),
        "list": Lazy("api.cli.unit:list_", "Show the map of a day."),
        "event": Lazy("api.cli.unit_event:event", "Write down why the map changed on a day."),
        "events": Lazy("api.cli.unit_event:events", "Show why the map changed."),
    },
)
_STATION = LazyGroup(
    name="station",
    help="The stations: who they are, how they are reached, how they stand.",
    lazy={
        "template": Lazy("api.cli.station_table:template", "Print the table to fill in."),
        "import": Lazy("api.cli.station_table:import_", "Add or change stations by a table."),
        "list": Lazy("api.cli.station:list_", "Show all stations and how they stand."),
        "show": Lazy("api.cli.station:show", "Show everything about one station."),
        "change": Lazy(
            "api.cli.station_change:change",
            "Change one station, as the form on its card does.",
        ),
        "probe": Lazy("api.cli.probe:probe", "Pin the host key, sign in, see what it can do."),
        "close": Lazy(
            "api.cli.station_active:close", "Close a station: nothing is sent there any more."
        ),
        "open": Lazy("api.cli.station_active:open_", "Take a closed station back into use."),
        "key": Lazy("api.cli.station_key:key", "Give out what the box of a station must hold."),
        "install": Lazy(
            "api.cli.station_install:install",
            "Set up a box: accounts, cage, key, player, service.",
        ),
        "export": Lazy(
            "api.cli.station_export:export", "Copy what a station airs on a day into a folder."
        ),
        "audit": Lazy(
            "api.cli.station_audit:audit", "Look at what really lies there, and heal it."
        ),
        "deliveries": Lazy(
            "api.cli.station_queue:deliveries", "Show what waits to be sent, why, and until when."
        ),
        "retry": Lazy("api.cli.station_queue:retry", "Send again what failed or waits."),
        "postpone": Lazy("api.cli.station_queue:postpone", "Let a station in peace until a time."),
    },
)
_LINK = LazyGroup(
    name="link",
    help="Lines that several stations share, and how far they may be filled.",
    lazy={
        "list": Lazy("api.cli.link:list_", "Show the shared links and what goes over them."),
        "add": Lazy("api.cli.link:add", "Add a link that several stations share."),
        "change": Lazy("api.cli.link:change", "Change how far a link may be filled."),
        "remove": Lazy("api.cli.link:remove", "Remove a link that no station uses."),
    },
)
_JUMP = LazyGroup(
    name="jump",
    help="Hosts through which stations are reached that we cannot dial.",
    lazy={
        "list": Lazy("api.cli.jump:list_", "Show the jump hosts and what stands behind them."),
        "add": Lazy("api.cli.jump:add", "Add a host that can dial stations which we cannot."),
        "probe": Lazy("api.cli.jump:probe", "Pin the host key of a jump host and sign in."),
        "remove": Lazy("api.cli.jump:remove", "Remove a jump host that no station uses."),
    },
)
_PERSON = LazyGroup(
    name="person",
    help="The people who work with Loa.",
    lazy={
        "add": Lazy("api.cli.person:add", "Add a person; prints the one-time secret."),
        "list": Lazy("api.cli.person:list_", "Show who may do what."),
        "renew": Lazy("api.cli.person:renew", "Give a new one-time secret."),
        "invite": Lazy(
            "api.cli.person:invite", "Print the address that lets a person choose a password."
        ),
        "role": Lazy("api.cli.person:role", "Give a person another role or another unit."),
        "factor-off": Lazy("api.cli.person:factor_off", "Remove the second factor of a person."),
    },
)
_TOKEN = LazyGroup(
    name="token",
    help="What programs ask with: tokens with a scope and an end.",
    lazy={
        "add": Lazy("api.cli.token:add", "Make a token for a program of a person; prints it once."),
        "list": Lazy("api.cli.token:list_", "Show the tokens that were not ended."),
        "revoke": Lazy(
            "api.cli.token:revoke", "End a token at once: what asks with it is refused."
        ),
    },
)
_PROGRAMME = LazyGroup(
    name="programme",
    help="The programmes: brought, checked, approved, encoded.",
    lazy={
        "add": Lazy("api.cli.programme:add", "Bring a sound file and check it to its end."),
        "announce": Lazy("api.cli.announce:announce", "Make a programme from a text."),
        "list": Lazy("api.cli.programme:list_", "Show the programmes, newest first."),
        "preview": Lazy(
            "api.cli.announce:preview", "Write twenty seconds of it as a horn makes them."
        ),
        "approve": Lazy("api.cli.approval:approve", "Let a programme on air and encode it."),
        "reject": Lazy("api.cli.approval:reject", "Send a programme back, with the reason."),
        "withdraw": Lazy("api.cli.approval:withdraw", "Take a programme off the air."),
        "publish": Lazy(
            "api.cli.approval:publish", "Put an approved programme on the public page."
        ),
        "unpublish": Lazy(
            "api.cli.approval:unpublish",
            "Take a programme off the public page; on air it stays as it is planned.",
        ),
    },
)
_SLOT = LazyGroup(
    name="slot",
    help="The lines of the timetable.",
    lazy={
        "add": Lazy("api.cli.slot:add", "Add a line to the timetable."),
        "list": Lazy("api.cli.slot:list_", "Show the timetable."),
        "preview": Lazy(
            "api.cli.slot_preview:preview", "Show when a line of the timetable airs next."
        ),
        "edit": Lazy("api.cli.slot_edit:edit", "Change a line of the timetable."),
        "change": Lazy("api.cli.slot_day:change", "Skip, move or replace one day of a line."),
        "days": Lazy("api.cli.slot_day:days", "Show the days of a line that differ from its rule."),
        "restore": Lazy("api.cli.slot_day:restore", "Let one day of a line follow its rule again."),
        "export": Lazy("api.cli.slot_calendar:export", "Write the timetable as a calendar (.ics)."),
        "import": Lazy(
            "api.cli.slot_calendar:import_", "Bring the timetable to what a calendar (.ics) says."
        ),
        "remove": Lazy("api.cli.slot:remove", "Take a line out of the timetable."),
    },
)
_TIMETABLE = LazyGroup(
    name="timetable",
    help="What changed in the draft, releases, and the way back.",
    lazy={
        "diff": Lazy("api.cli.timetable:diff", "Show what the draft would change, and for whom."),
        "release": Lazy("api.cli.timetable:release", "Let the draft air."),
        "releases": Lazy("api.cli.timetable:releases_", "Show the releases, the newest first."),
        "restore": Lazy("api.cli.timetable:restore", "Return to an earlier release in one step."),
        "discard": Lazy("api.cli.timetable:discard", "Throw the draft of a slot away."),
    },
)
_SERIES = LazyGroup(
    name="series",
    help="Episodes that air one after the other.",
    lazy={
        "add": Lazy("api.cli.series:add", "Begin a series."),
        "list": Lazy("api.cli.series:list_", "Show the series with their episodes."),
        "put": Lazy("api.cli.series:put", "Make a programme an episode of a series."),
        "variant": Lazy(
            "api.cli.series:variant", "Tell that a programme says another one in another language."
        ),
    },
)
_THEME = LazyGroup(
    name="theme",
    help="What programmes are about: the list from which slots rotate.",
    lazy={
        "add": Lazy("api.cli.theme:add", "Add a theme."),
        "list": Lazy("api.cli.theme:list_", "Show the themes and how long they hold."),
        "end": Lazy("api.cli.theme:end", "Let a theme end."),
    },
)
_FEED = LazyGroup(
    name="feed",
    help="Calendars of a unit that telephones and Outlook read by themselves.",
    lazy={
        "add": Lazy("api.cli.feed:add", "Make the secret address of a unit's calendar."),
        "list": Lazy("api.cli.feed:list_", "Show which calendars may be read."),
        "revoke": Lazy("api.cli.feed:revoke", "Let an address open nothing any more."),
    },
)
_AIR = LazyGroup(
    name="air",
    help="Rules of the air: windows, caps, quiet hours, and which priority slot comes first.",
    lazy={
        "list": Lazy("api.cli.air:list_", "Show which units say something about their air."),
        "show": Lazy("api.cli.air:show", "Show what holds on the air of a unit."),
        "set": Lazy("api.cli.air:set_", "Say what holds on the air of a unit."),
        "remove": Lazy("api.cli.air:remove", "Let a unit say nothing of its own."),
        "clashes": Lazy("api.cli.air_order:clashes", "Show where priority slots collide."),
        "order": Lazy("api.cli.air_order:order", "Say which of the priority slots airs first."),
    },
)

_NOTICE = LazyGroup(
    name="notice",
    help="What is told to people and programs outside.",
    lazy={
        "list": Lazy(
            "api.cli.notice:list_", "Show what was told to whom, and what did not arrive."
        ),
        "test": Lazy(
            "api.cli.notice:test", "Send a test to everybody who gets notices, and say how it went."
        ),
        "retry": Lazy("api.cli.notice:retry", "Try a dead notice again."),
    },
)

_URGENT = LazyGroup(
    name="urgent",
    help="On air at once: by a named person, with a reason, everywhere below a unit.",
    lazy={
        "send": Lazy("api.cli.urgent:send", "Put a recording on air at once."),
        "drill": Lazy(
            "api.cli.urgent:drill", "Do all of it but play, and report the time of each station."
        ),
        "list": Lazy("api.cli.urgent:list_", "Show the last bulletins and drills."),
        "import-cap": Lazy("api.cli.import_cap:import_cap", "Take in a CAP 1.2 alert as a draft."),
        "show": Lazy("api.cli.urgent:show", "Show how one bulletin stands at each station."),
        "withdraw": Lazy(
            "api.cli.urgent:withdraw", "Take a bulletin back; where it plays it is stopped."
        ),
    },
)

COMMANDS: Mapping[str, Lazy | LazyGroup] = {
    "init": Lazy("api.cli.init:init", "Make a new Loa, or bring its tables up to date."),
    "config": Lazy("api.cli.config:config", "Show the settings in force."),
    "unit": _UNIT,
    "station": _STATION,
    "link": _LINK,
    "jump": _JUMP,
    "person": _PERSON,
    "token": _TOKEN,
    "programme": _PROGRAMME,
    "series": _SERIES,
    "theme": _THEME,
    "slot": _SLOT,
    "timetable": _TIMETABLE,
    "air": _AIR,
    "feed": _FEED,
    "plan": Lazy("api.cli.plan:plan", "Turn the timetable into airings and deliveries."),
    "forecast": Lazy(
        "api.cli.forecast:forecast", "Tell which stations will not have their next day in time."
    ),
    "urgent": _URGENT,
    "push": Lazy("api.cli.push:push", "Bring the stations what is due."),
    "collect": Lazy("api.cli.collect:collect", "Fetch receipts and logs from the stations."),
    "ready": Lazy("api.cli.ready:ready", "Show whether what airs soon is there."),
    "notice": _NOTICE,
    "today": Lazy("api.cli.airings:today", "Show what airs today."),
    "airings": Lazy("api.cli.airings:airings", "Show the airing log with its proofs."),
    "confirm": Lazy(
        "api.cli.confirm:confirm",
        "Tell of all airings that are over and wait for a person's word (grade B).",
    ),
    "object": Lazy(
        "api.cli.contest:contest",
        "Say that an airing was otherwise than the player's own log (grade A) has it.",
    ),
    "why": Lazy("api.cli.why:why_", "Tell why an airing went as it did."),
    "serve": Lazy("api.cli.serve:serve", "Run the web pages, the clock and the workers."),
    "worker": Lazy("api.cli.serve:worker", "Run workers only, next to a loa serve elsewhere."),
    "demo": Lazy("api.cli.demo:demo", "Show a whole night on simulated stations."),
    "rehearse": Lazy(
        "api.cli.rehearse:rehearse_", "Let many nights pass on a virtual clock, with faults."
    ),
}
