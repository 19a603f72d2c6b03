"""Rules of scopes, keys, names, addresses, passwords and mandates, without a database."""

from __future__ import annotations

import runpy
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from registry.base.actor import Role, Scope
from registry.core.errors import Forbidden, InvalidInput, Unauthenticated
from registry.parties import passwords, rules
from registry.parties.passwords import hash_password, verify_password
from registry.parties.rules import SCOPES_OF_ROLE, Authority, May, Repertoire, WorkRef

NOW = datetime(2026, 8, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)

roles = st.sampled_from(Role)
some_scopes = st.frozensets(st.sampled_from(Scope))
moments = st.integers(-5, 5).map(lambda days: NOW + days * DAY)
work_ids = st.sampled_from([bytes([i]) * 16 for i in range(3)])
works = st.builds(WorkRef, st.sampled_from(rules.MEDIA), st.none() | work_ids)
repertoires = (
    st.just(Repertoire(all=True))
    | st.builds(Repertoire, media=st.frozensets(st.sampled_from(rules.MEDIA), min_size=1))
    | st.builds(Repertoire, works=st.frozensets(work_ids, min_size=1))
)
authorities = st.builds(
    Authority, st.frozensets(st.sampled_from(May)), repertoires, moments, st.none() | moments
)


# -- scopes ------------------------------------------------------------------------------------------------
@given(roles, some_scopes, some_scopes)
def test_a_key_never_exceeds_its_role_or_its_maker(
    role: Role, held: frozenset[Scope], wanted: frozenset[Scope]
) -> None:
    """What is granted is exactly what was asked for, or nothing."""
    try:
        granted = rules.check_key_scopes(role, held, wanted)
    except Forbidden:
        assert not wanted <= (SCOPES_OF_ROLE[role] & held)
    except InvalidInput:
        assert not wanted
    else:
        assert granted == wanted <= (SCOPES_OF_ROLE[role] & held)


def test_the_sides_of_the_counter_stay_apart() -> None:
    """Nobody both registers works and reports their use; only the operator operates."""
    for role in Role:
        scopes = SCOPES_OF_ROLE[role]
        assert not {Scope.WORKS_WRITE, Scope.CLAIMS_WRITE} <= scopes
        assert (Scope.OPERATE in scopes) == (role is Role.OPERATOR)
        assert (Scope.CLAIMS_WRITE in scopes) == (role is Role.LAB)
        assert Scope.ACCOUNT in scopes


# -- API keys ----------------------------------------------------------------------------------------------
@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_recognised(secret: bytes) -> None:
    """It has 51 characters that need no escaping anywhere."""
    text = rules.format_key(secret)
    assert text.startswith("vbk_")
    assert len(text) == 51
    assert len(rules.check_key(text)) == 32


@given(st.binary(min_size=32, max_size=32), st.integers(0, 50), st.characters())
def test_a_typing_error_is_no_key(secret: bytes, place: int, typed: str) -> None:
    """One wrong character anywhere: 24 bits of checksum see it, but for one in 16 million."""
    text = rules.format_key(secret)
    assume(text[place] != typed)
    with pytest.raises(Unauthenticated):
        rules.check_key(text[:place] + typed + text[place + 1 :])


@given(st.text())
def test_arbitrary_text_is_no_key(text: str) -> None:
    """Whatever is sent, the answer is the same refusal."""
    with pytest.raises(Unauthenticated, match="mistyped, unknown, expired or revoked"):
        rules.check_key(text)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_is_made_of_32_bytes(size: int) -> None:
    """Anything else is a mistake of ours."""
    with pytest.raises(ValueError, match="32 random bytes"):
        rules.format_key(bytes(size))


# -- names and addresses -----------------------------------------------------------------------------------
def test_names_are_stored_composed_and_trimmed() -> None:
    """One spelling of ü, whatever the keyboard sent."""
    assert rules.check_name("  Mu\u0308ller & Söhne ") == "M\u00fcller & Söhne"
    assert rules.check_name("x" * 100, longest=100)


@pytest.mark.parametrize("name", ["", " \t", "a\nb", "a\x00b", "a\u2028b", "x" * 201, "a\ud800b"])
def test_bad_names(name: str) -> None:
    """Blank, long, several lines, control characters, half a character."""
    with pytest.raises(InvalidInput):
        rules.check_name(name)


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("Anna@Example.ORG ", "anna@example.org"),
        ("a.b+c@sub.example.co", "a.b+c@sub.example.co"),
        ("jörg@müller.example", "jörg@müller.example"),
    ],
)
def test_addresses_are_compared_in_lower_case(text: str, email: str) -> None:
    """Also such as are not ASCII (RFC 6531)."""
    assert rules.normalise_email(text) == email


@pytest.mark.parametrize(
    "text",
    ["", "a", "a@b", "@example.org", "a@@b.org", "a b@c.org", "a@b.org\n.x", "a@b.", "x" * 65 + "@b.org"],
)
def test_bad_addresses(text: str) -> None:
    """Nothing could be sent there."""
    with pytest.raises(InvalidInput):
        rules.normalise_email(text)


# -- passwords ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "password",
    [
        "seven quiet herons",
        "äöüßÄÖÜẞ-einszwei",
        "x7$kQ!m2Zp4w",
        "日本語のとても長いパスワード",
        "828459045235360",
    ],
)
def test_good_passwords(password: str) -> None:
    """Length counts, kinds of characters do not."""
    assert rules.check_password(password) == unicodedata.normalize("NFKC", password)


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars",
        "x" * 257,
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "123456789012",
        "210987654321",
        "abcdefghijkl2026",
        "passwordpassword",
        "Password1234!",
        "Passwort2026!",
        "QWERTYUIOP123",
        "iloveyouiloveyou",
        "anna@example.org",
        "anna weiss 2026",
        "anna weissanna weiss",
    ],
)
def test_passwords_that_are_tried_first(password: str) -> None:
    """Too short, too long, one thing repeated, what everybody takes, one's own name."""
    with pytest.raises(InvalidInput):
        rules.check_password(password, personal=["Anna Weiss", "anna@example.org"])


def test_guessing_costs_what_rfc_9106_recommends() -> None:
    """Its second choice. Read anew, since all other tests hash cheaply."""
    stored = runpy.run_path(passwords.__file__)["hash_password"]("grüne Frösche im Teich")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_passwords_are_the_same_on_every_keyboard() -> None:
    """ü as one character or as two; only its own hash takes it; without a hash nothing is right."""
    stored = hash_password(rules.check_password("grüne Frösche im Teich"))
    assert verify_password(stored, unicodedata.normalize("NFD", "grüne Frösche im Teich"))
    assert not verify_password(stored, "grune Frosche im Teich")
    assert not verify_password(None, "the password of nobody")
    assert not verify_password("damaged", "grüne Frösche im Teich")


# -- mandates ----------------------------------------------------------------------------------------------
@given(repertoires)
def test_a_repertoire_is_kept_as_it_was(repertoire: Repertoire) -> None:
    """Through its stored form."""
    assert Repertoire.from_json(repertoire.as_json()) == repertoire


@given(authorities, st.sampled_from(May), works, moments)
def test_a_mandate_covers_only_what_it_says(
    held: Authority, action: May, work: WorkRef, at: datetime
) -> None:
    """Action, work and time, each by itself; the end is no longer inside."""
    covered = held.covers(action, work, at)
    if covered:
        assert action in held.may
        assert held.valid_from <= at
        assert held.valid_to is None or at < held.valid_to
        assert (
            held.repertoire.all
            or work.media in held.repertoire.media
            or work.public_id in held.repertoire.works
        )
    if held.covers(action, None, at):
        assert covered
        assert held.repertoire.all


@given(st.lists(authorities, max_size=4), st.sampled_from(May), st.lists(works, max_size=3), moments)
def test_mandates_add_up_and_never_take_away(
    held: list[Authority], action: May, asked: list[WorkRef], at: datetime
) -> None:
    """More mandates never allow less, more works never need less, and no mandate allows nothing."""
    allowed = rules.authorised(held, action, asked, at)
    assert not rules.authorised([], action, asked, at)
    if allowed:
        assert rules.authorised(
            [*held, Authority(frozenset(), Repertoire(all=True), at, at)], action, asked, at
        )
        assert all(rules.authorised(held, action, [work], at) for work in asked)
    elif asked:
        assert not rules.authorised(held, action, [*asked, asked[0]], at)


def test_works_of_one_request_may_stand_in_different_mandates() -> None:
    """Pictures in one, a text in another."""
    first, second = bytes(16), b"\x01" * 16
    images = Authority(frozenset({May.GRANT}), Repertoire(media=frozenset({"image"})), NOW, None)
    poem = Authority(frozenset({May.GRANT}), Repertoire(works=frozenset({second})), NOW, None)
    both = [WorkRef("image", first), WorkRef("text", second)]
    assert rules.authorised([images, poem], May.GRANT, both, NOW)
    assert not rules.authorised([images], May.GRANT, both, NOW)
    assert not rules.authorised([images, poem], May.WITHDRAW, both, NOW)
    assert not rules.authorised([images, poem], May.GRANT, [], NOW)


def test_a_work_that_is_being_registered_is_in_no_list() -> None:
    """A mandate for named works lets nobody register more."""
    listed = Authority(frozenset({May.REGISTER}), Repertoire(works=frozenset({bytes(16)})), NOW, None)
    assert not listed.covers(May.REGISTER, WorkRef("image"), NOW)


@pytest.mark.parametrize("principal", list(Role))
@pytest.mark.parametrize("agent", list(Role))
def test_who_can_represent_whom(principal: Role, agent: Role) -> None:
    """Makers and their societies, each other; a lab or the operator nobody."""
    makers = {Role.CREATOR, Role.SOCIETY}
    if {principal, agent} <= makers:
        assert rules.check_mandate(principal, agent, [May.COLLECT, May.COLLECT]) == {May.COLLECT}
    else:
        with pytest.raises(InvalidInput):
            rules.check_mandate(principal, agent, [May.COLLECT])


def test_a_mandate_for_nothing_is_refused() -> None:
    """It allows at least one thing, with something."""
    with pytest.raises(InvalidInput, match="at least one"):
        rules.check_mandate(Role.CREATOR, Role.SOCIETY, [])
    with pytest.raises(InvalidInput, match="either all works"):
        Repertoire()


@given(st.none() | moments, st.none() | moments)
def test_nothing_is_back_dated(begin: datetime | None, end: datetime | None) -> None:
    """A new mandate begins now or later, and lasts."""
    try:
        begins = rules.check_period(begin, end, NOW)
    except InvalidInput:
        assert (begin is not None and begin < NOW) or (end is not None and end <= max(begin or NOW, NOW))
    else:
        assert begins >= NOW
        assert end is None or end > begins


@given(moments, st.none() | moments, st.none() | moments)
def test_an_end_takes_away_and_never_adds(begin: datetime, end: datetime | None, at: datetime | None) -> None:
    """It lies in the future of the recording; a mandate that has not begun then never holds."""
    assume(end is None or begin <= end)
    try:
        ends = rules.check_end(begin, end, at, NOW)
    except InvalidInput:
        assert (at is not None and at < NOW) or (end is not None and (at or NOW) >= end)
    else:
        assert ends >= max(begin, at or NOW)
        assert end is None or ends <= end
