"""Consent: its basis, its date, and that a roster never reverses an opt-out."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from bot.store.families import consent_events as families_consent_events
from bot.store.families import contacts, families
from bot.store.families.consent_events import consent_events
from tests.conftest import NOW
from tests.roster.conftest import Roster

ANA = "+12175550123"
DEFAULT_BASIS = "number given to the school (roster)"


def midnight(text: str) -> datetime:
    """The start of a day in the example district, in November and in summer."""
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, 5 if 3 < day.month < 11 else 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cells", "options", "basis", "at"),
    [
        (",", {}, DEFAULT_BASIS, None),
        ("yes,", {}, DEFAULT_BASIS, None),
        ("Sí,8/31/2026", {}, DEFAULT_BASIS, "2026-08-31"),
        ("signed form,2026-08-31", {}, "signed form", "2026-08-31"),
        ('signed form,"Aug 31, 2026"', {}, "signed form", "2026-08-31"),
        (",", {"basis": "enrollment form 2026", "basis_on": date(2026, 8, 15)}, "enrollment form 2026", "2026-08-15"),
        ("signed form,2026-08-31", {"basis_on": date(2026, 8, 15)}, "signed form", "2026-08-31"),
    ],
)
def test_basis_and_date_are_read(
    roster: Roster, cells: str, options: dict[str, object], basis: str, at: str | None
) -> None:
    roster.read(f"phone,consent,consent date\n217-555-0123,{cells}\n", **options)
    family = roster.family(ANA)
    assert family.consent_basis == basis and family.consent_at
    assert family.consent_at == midnight(at) if at else abs(family.consent_at - NOW) < timedelta(minutes=2)
    (event,) = roster.events(ANA)
    assert (event.kind, event.basis, event.at) == ("given", basis, family.consent_at)
    assert event.message_sid.startswith("roster:") and len(event.message_sid) <= 64


def test_no_is_recorded_as_no(roster: Roster) -> None:
    roster.read("phone,consent\n217-555-0123,No\n")
    assert roster.family(ANA).consent_at is None
    assert [event.kind for event in roster.events(ANA)] == ["denied"]


def test_dated_no_is_recorded_once(roster: Roster) -> None:
    text = "phone,consent,consent date\n217-555-0123,no,2026-09-01\n"
    roster.read(text)
    assert roster.read(text).has_no_changes


def test_unclear_value_is_no_consent(roster: Roster) -> None:
    roster.read("phone,consent\n217-555-0123,pending\n")
    assert roster.family(ANA).consent_at is None and roster.events(ANA) == [] and len(roster.warnings) == 1


@pytest.mark.parametrize("day", ["2026-13-45", "soon", "2031-01-01", "0001-01-01"])
def test_impossible_date_is_a_warning(roster: Roster, day: str) -> None:
    roster.read(f"phone,consent,consent on\n217-555-0123,yes,{day}\n")
    given = roster.family(ANA).consent_at
    assert given and abs(given - NOW) < timedelta(minutes=2) and "date" in roster.warnings[0]


def test_basis_containing_a_number_is_not_stored(roster: Roster) -> None:
    roster.read("phone,consent\n217-555-0123,call 217-555-0199\n")
    assert roster.family(ANA).consent_basis == DEFAULT_BASIS and len(roster.warnings) == 1


def test_no_overrides_yes_and_only_later_dated_yes_overrides_no(roster: Roster) -> None:
    head = "phone,consent,consent date\n"
    roster.read(f"{head}217-555-0123,yes,\n")
    roster.read(f"{head}217-555-0123,no,2026-11-24\n")
    assert roster.family(ANA).consent_at is None
    for weaker in ("yes,", ",", "signed form,2026-11-01", "signed form,2026-11-24"):
        roster.read(f"{head}217-555-0123,{weaker}\n")
        assert roster.family(ANA).consent_at is None, weaker
    with time_machine.travel(NOW + timedelta(days=9)):
        roster.read(f"{head}217-555-0123,signed form,2026-12-01\n")
        assert roster.family(ANA).consent_basis == "signed form"
        before = roster.dump()
        roster.read(f"{head}217-555-0123,no,2026-11-24\n")
        assert roster.dump() == before, "an old no"


@pytest.mark.parametrize("lines", [("yes", "no"), ("no", "yes")])
def test_yes_and_no_in_one_file_count_as_no(roster: Roster, lines: tuple[str, str]) -> None:
    text = "phone,consent\n" + "".join(f"217-555-0123,{line}\n" for line in lines)
    roster.read(text)
    assert roster.family(ANA).consent_at is None
    before = roster.dump()
    with time_machine.travel(NOW + timedelta(days=7)):
        assert roster.read(text).has_no_changes
    assert roster.dump() == before


def test_repeated_import_keeps_the_first_date(roster: Roster) -> None:
    roster.read("phone\n217-555-0123\n")
    before = roster.dump()
    with time_machine.travel(NOW + timedelta(days=7)):
        roster.read("phone\n217-555-0123\n")
    assert roster.dump() == before


def test_dated_consent_replaces_undated_consent(roster: Roster) -> None:
    roster.read("phone\n217-555-0123\n")
    roster.read("phone,consent,consent date\n217-555-0123,signed form,2026-08-31\n")
    assert roster.family(ANA).consent_basis == "signed form"
    roster.read("phone\n217-555-0123\n")
    assert roster.family(ANA).consent_basis == "signed form"


def test_own_consent_of_a_family_is_not_downgraded(roster: Roster) -> None:
    database = roster.runtime.database
    with database.write() as db:
        contact = contacts.add(db, ANA, "sms", NOW)
        families.set_consent(db, contact.family_id or 0, "joined by text", NOW)
        families_consent_events.record(
            db, database.vault.compute_lookup_hash(ANA), "joined", "joined by text", "SM1", NOW
        )
    with time_machine.travel(NOW + timedelta(days=7)):
        roster.read("phone,consent,consent date\n217-555-0123,signed form,2026-12-01\n")
    assert roster.family(ANA).consent_basis == "joined by text"


def opt_out(roster: Roster, address: str) -> None:
    database = roster.runtime.database
    with database.write() as db:
        contact = contacts.add(db, address, address.split(":", maxsplit=1)[0] if ":" in address else "sms", NOW)
        contacts.set_opted_out(db, contact.id, NOW)
        families_consent_events.record(db, database.vault.compute_lookup_hash(address), "stop", "keyword", "SM9", NOW)


@pytest.mark.parametrize("channel", ["", "sms", "whatsapp", "voice"])
@pytest.mark.parametrize("address", [ANA, f"whatsapp:{ANA}", f"voice:{ANA}"])
def test_opt_out_holds_on_every_channel(roster: Roster, address: str, channel: str) -> None:
    opt_out(roster, address)
    roster.read(f"phone,channel,consent,consent date\n217-555-0123,{channel},yes,2026-11-24\n")
    there = [found for one in (ANA, f"whatsapp:{ANA}", f"voice:{ANA}") if (found := roster.contact(one))]
    assert there and all(one.opted_out_at for one in there)
    assert roster.family(ANA).consent_at is None


@pytest.mark.parametrize("way", ["whatsapp", "voice"])
def test_opt_out_outlives_erasure_of_the_contact(roster: Roster, way: str) -> None:
    database = roster.runtime.database
    with database.write() as db:
        families_consent_events.record(
            db, database.vault.compute_lookup_hash(f"{way}:{ANA}"), "stop", "keyword", "SM9", NOW
        )
    roster.read("phone,consent\n217-555-0123,yes\n")
    contact = roster.contact(ANA)
    assert contact and contact.opted_out_at and roster.family(ANA).consent_at is None


def test_opted_in_again_family_gets_messages(roster: Roster) -> None:
    database = roster.runtime.database
    with database.write() as db:
        families_consent_events.record(db, database.vault.compute_lookup_hash(ANA), "stop", "keyword", "SM9", NOW)
        families_consent_events.record(
            db, database.vault.compute_lookup_hash(ANA), "start", "keyword", "SM10", NOW + timedelta(minutes=1)
        )
        assert db.execute(consent_events.select()).all()
    roster.read("phone,consent\n217-555-0123,yes\n")
    contact = roster.contact(ANA)
    assert contact and not contact.opted_out_at and roster.family(ANA).consent_at


@pytest.mark.parametrize("way", ["whatsapp", "voice"])
def test_proof_belongs_to_the_address_in_use(roster: Roster, way: str) -> None:
    roster.read(f"phone,channel\n217-555-0123,{way}\n")
    with roster.runtime.database.read() as db:
        assert len(families_consent_events.list_history(db, [f"{way}:{ANA}"])) == 1
