"""Signing in, passwords, roles: on both kinds of database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unicodedata import normalize

import pytest
from sqlalchemy import select

from scheduler import people
from scheduler.clock import ManualClock
from scheduler.errors import (
    AlreadyExists,
    InputInvalid,
    NotAllowed,
    NotFound,
    PasswordTooWeak,
    SignInRefused,
    TooManySignIns,
)
from scheduler.hub import Hub
from scheduler.people import LOCKED_FOR, MAX_FAILED_SIGN_INS, Token
from scheduler.store.models import LedgerEntry, LoginSession, Person, Unit
from tests.builders import ha_nam, person

NEW = "lúa chín vàng đồng"


@pytest.fixture
def editor(hub: Hub) -> tuple[Person, str]:
    """An editor and the one-time secret."""
    with hub.database.write() as session:
        secret = people.add_person(
            session, username="huong", full_name="Nguyễn Thị Hương", role="editor", unit=None,
            now=hub.clock.now(), by="admin",
        )  # fmt: skip
        return people.find_person(session, "huong"), secret


def sign_in(hub: Hub, password: str, username: str = "huong") -> Token:
    return people.sign_in(
        hub.database, username=username, password=password, now=hub.clock.now(),
        address="127.0.0.1", hours=12,
    )  # fmt: skip


def who(hub: Hub, token: Token) -> Person | None:
    """Whose sign-in it is: the same whether it is asked alone or among others."""
    with hub.database.read() as session:
        alone = people.person_of(session, token.text, hub.clock.now())
        among = people.people_of(session, {token.text, "nobody's"}, hub.clock.now())
    assert among == ({token.text: alone} if alone else {})
    return alone


def test_one_time_secret_signs_in_and_must_be_changed(hub: Hub, editor: tuple[Person, str]) -> None:
    """A new person comes in with the secret, and is told apart until it was changed."""
    token = sign_in(hub, editor[1])

    found = who(hub, token)
    assert found is not None
    assert found.username == "huong"
    assert found.must_change_password


def test_neither_secret_nor_token_lies_in_the_database(
    hub: Hub, editor: tuple[Person, str]
) -> None:
    """Who steals the database cannot sign in with what it holds."""
    token = sign_in(hub, editor[1])

    with hub.database.read() as session:
        row = people.find_person(session, "huong")
        kept = [one.token_hash for one in session.scalars(select(LoginSession))]
    assert editor[1] not in row.password_hash
    assert row.password_hash.startswith("$argon2id$")
    assert token.text not in kept
    assert token.text not in repr(token)


@pytest.mark.parametrize("username", ["huong", "nobody"])
def test_wrong_name_and_wrong_password_are_told_alike(
    hub: Hub, editor: tuple[Person, str], username: str
) -> None:
    """A stranger does not learn who has an account."""
    with pytest.raises(SignInRefused) as refused:
        sign_in(hub, "wrong", username)

    assert refused.value.fields == {}


def test_failed_tries_are_counted_although_they_fail(hub: Hub, editor: tuple[Person, str]) -> None:
    """The count of a refused try is kept: the exception does not roll it back."""
    with pytest.raises(SignInRefused):
        sign_in(hub, "wrong")

    with hub.database.read() as session:
        assert people.find_person(session, "huong").failed_sign_ins == 1


def test_ten_wrong_tries_lock_even_the_right_password_for_a_while(
    hub: Hub, editor: tuple[Person, str], clock: ManualClock
) -> None:
    """Guessing stops after ten tries; the person may come in again a quarter of an hour later."""
    for _ in range(MAX_FAILED_SIGN_INS):
        with pytest.raises(SignInRefused):
            sign_in(hub, "wrong")
    with pytest.raises(TooManySignIns) as locked:
        sign_in(hub, editor[1])
    assert locked.value.fields["minutes"] == 15

    clock.advance(LOCKED_FOR)
    assert who(hub, sign_in(hub, editor[1])) is not None
    with hub.database.read() as session:
        whats = set(session.scalars(select(LedgerEntry.what).order_by(LedgerEntry.seq)))
    assert "sign_in_locked" in whats


def test_guesses_sent_all_at_once_do_not_slip_past_the_limit(
    hub: Hub, editor: tuple[Person, str]
) -> None:
    """Thirty guesses side by side are no more tries than ten one after the other."""

    def guess(_: int) -> type[Exception]:
        try:
            sign_in(hub, "wrong")
        except (SignInRefused, TooManySignIns) as error:
            return type(error)
        raise AssertionError("a wrong password came in")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(guess, range(30)))

    assert answers.count(SignInRefused) <= MAX_FAILED_SIGN_INS


def test_right_password_starts_the_count_at_nought(hub: Hub, editor: tuple[Person, str]) -> None:
    """Somebody who mistypes now and then is never locked out."""
    for _ in range(3):
        for _ in range(MAX_FAILED_SIGN_INS - 1):
            with pytest.raises(SignInRefused):
                sign_in(hub, "wrong")
        sign_in(hub, editor[1])


def test_sign_in_ends_after_its_hours(
    hub: Hub, editor: tuple[Person, str], clock: ManualClock
) -> None:
    """A forgotten browser is not signed in for ever."""
    token = sign_in(hub, editor[1])

    clock.advance(timedelta(hours=12))

    assert who(hub, token) is None


def test_sign_out_ends_this_sign_in_and_no_other(hub: Hub, editor: tuple[Person, str]) -> None:
    """The phone stays signed in when the computer signs out."""
    phone, computer = sign_in(hub, editor[1]), sign_in(hub, editor[1])

    with hub.database.write() as session:
        people.sign_out(session, computer.text)

    assert who(hub, computer) is None
    assert who(hub, phone) is not None


def test_new_password_ends_every_other_sign_in(hub: Hub, editor: tuple[Person, str]) -> None:
    """Who changes the password throws out whoever else had come in with it."""
    stolen = sign_in(hub, editor[1])

    with hub.database.write() as session:
        row = people.find_person(session, "huong")
        people.change_password(session, row, old=editor[1], new=NEW, now=hub.clock.now())

    assert who(hub, stolen) is None
    with pytest.raises(SignInRefused):
        sign_in(hub, editor[1])
    found = who(hub, sign_in(hub, NEW))
    assert found is not None
    assert not found.must_change_password


@pytest.mark.parametrize("weak", ["short", "HUONG", "", "a" * 201])
def test_weak_password_is_refused_and_the_old_one_stays(
    hub: Hub, editor: tuple[Person, str], weak: str
) -> None:
    """Ten letters at least, and never the name."""
    with hub.database.write() as session, pytest.raises(PasswordTooWeak):
        row = people.find_person(session, "huong")
        people.change_password(session, row, old=editor[1], new=weak, now=hub.clock.now())

    assert who(hub, sign_in(hub, editor[1])) is not None


def test_one_time_secret_cannot_become_the_password(hub: Hub, editor: tuple[Person, str]) -> None:
    """What was told on the telephone is not kept as the password."""
    with hub.database.write() as session, pytest.raises(PasswordTooWeak):
        row = people.find_person(session, "huong")
        people.change_password(session, row, old=editor[1], new=editor[1], now=hub.clock.now())


def test_password_counts_whichever_way_its_letters_are_sent(
    hub: Hub, editor: tuple[Person, str]
) -> None:
    """One keyboard sends ế as one letter, another as three: it is the same password."""
    with hub.database.write() as session:
        row = people.find_person(session, "huong")
        people.change_password(
            session, row, old=editor[1], new=normalize("NFD", NEW), now=hub.clock.now()
        )

    assert who(hub, sign_in(hub, normalize("NFC", NEW))) is not None


def test_closed_person_is_out_at_once(hub: Hub, editor: tuple[Person, str]) -> None:
    """An access that is closed ends the sign-ins that are open, and takes no new one."""
    token = sign_in(hub, editor[1])

    with hub.database.write() as session:
        row = people.find_person(session, "huong")
        people.set_active(session, row, False, now=hub.clock.now(), by="admin")

    assert who(hub, token) is None
    with pytest.raises(SignInRefused):
        sign_in(hub, editor[1])


def test_last_administrator_cannot_be_closed(hub: Hub) -> None:
    """Nobody can lock everybody out by mistake."""
    with hub.database.write() as session, pytest.raises(InputInvalid):
        admin = people.find_person(session, "admin")
        people.set_active(session, admin, False, now=hub.clock.now(), by="admin")

    with hub.database.read() as session:
        assert people.find_person(session, "admin").active


def test_renewed_secret_replaces_a_forgotten_password(hub: Hub, editor: tuple[Person, str]) -> None:
    """The old secret is worth nothing, the new one must be changed again, and the lock is gone."""
    for _ in range(MAX_FAILED_SIGN_INS):
        with pytest.raises(SignInRefused):
            sign_in(hub, "forgotten")
    with hub.database.write() as session:
        row = people.find_person(session, "huong")
        secret = people.renew_secret(session, row, now=hub.clock.now(), by="admin")

    with pytest.raises(SignInRefused):
        sign_in(hub, editor[1])
    found = who(hub, sign_in(hub, secret))
    assert found is not None
    assert found.must_change_password


def test_user_name_is_taken_once_whatever_its_capitals(
    hub: Hub, editor: tuple[Person, str]
) -> None:
    """Huong and huong are one."""
    with pytest.raises(AlreadyExists):
        person(hub, "HUONG", "approver")

    with hub.database.read() as session:
        assert people.find_person(session, "Huong").role == "editor"


@pytest.mark.parametrize(
    ("username", "full_name", "role"),
    [
        ("h", "Hương", "editor"),
        ("hương", "Hương", "editor"),
        ("a b", "Hương", "editor"),
        ("huong", " ", "editor"),
        ("huong", "Hương\x00", "editor"),
        ("huong", "x" * 121, "editor"),
        ("huong", "Hương", "king"),
        ("huong", "Hương", "commune"),
        ("huong", "Hương", "district"),
    ],
)
def test_bad_person_is_refused_and_nothing_is_kept(
    hub: Hub, username: str, full_name: str, role: str
) -> None:
    """Bad names, unknown roles, and staff of a unit without their unit."""
    with hub.database.write() as session, pytest.raises(InputInvalid):
        people.add_person(
            session, username=username, full_name=full_name, role=role, unit=None,
            now=hub.clock.now(), by="admin",
        )  # fmt: skip

    with hub.database.read() as session, pytest.raises(NotFound):
        people.find_person(session, "huong")


def test_person_of_a_unit_keeps_it(hub: Hub) -> None:
    """A commune officer is found with the commune, without a second query."""
    ha_nam(hub)
    with hub.database.write() as session:
        commune = session.scalar(select(Unit).where(Unit.code == "13579", Unit.valid_to.is_(None)))
        secret = people.add_person(
            session, username="dao", full_name="Lê Văn Đạo", role="commune", unit=commune,
            now=hub.clock.now(), by="admin",
        )  # fmt: skip

    found = who(hub, sign_in(hub, secret, "dao"))

    assert found is not None
    assert commune is not None
    assert found.unit is not None
    assert found.unit.name == commune.name


def test_roles_are_required_and_the_administrator_has_them_all(hub: Hub) -> None:
    """An editor does not approve; the administrator may."""
    editor, admin = Person(role="editor", full_name="Hương"), Person(role="administrator")

    people.require_role(editor, "editor", "approver")
    people.require_role(admin, "approver")
    with pytest.raises(NotAllowed) as refused:
        people.require_role(editor, "approver")

    assert refused.value.fields == {"who": "Hương", "role": "approver"}
