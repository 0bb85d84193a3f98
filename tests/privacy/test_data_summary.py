"""PRIVACY names every kind of stored family data; each table is either counted or explained here."""

from datetime import date

from bot.base.database import metadata, now
from bot.runtime import Runtime
from bot.store.cases.cases import cases
from bot.store.community import partner_suggestions
from bot.store.families import contacts
from bot.store.lifecycle import data_summary
from bot.store.schools import home_visits, support_needs
from tests.conftest import Family

COUNTED = {
    "cases",
    "case_messages",
    "voice_notes",
    "absences",
    "support_needs",
    "home_visits",
    "partner_suggestions",
    "rsvps",
    "consent_events",
}
WITHOUT_A_COUNT = {
    "contacts": "the number and the language: said first, without a count",
    "contact_attributes": "the school and the wish to be reminded: said with the number",
    "family_schools": "the same",
    "family_tags": "the same",
    "family_keys": "the key under which all of it lies",
    "sent_texts": "which public texts a family got, as hashes",
    "deliveries": "that we wrote to it: its phone shows what",
    "recipients": "the same, of announcements",
    "follow_ups": "that we shall ask whether a request was solved: it hangs on the request",
}
LINKS = {"contact_id", "family_id", "address_index"}


def test_every_family_table_is_counted_or_explained() -> None:
    about = {table.name for table in metadata.sorted_tables if LINKS & {column.name for column in table.columns}}
    assert about - COUNTED == set(WITHOUT_A_COUNT)


def test_needs_visits_and_suggestions_are_counted(runtime: Runtime, family: Family) -> None:
    family.text("I want to talk to a person")
    at, day = now(), date(2026, 12, 1)
    with runtime.database.write() as db:
        contact, case = contacts.find(db, family.address), db.execute(cases.select()).one().id
        assert contact is not None
        need = support_needs.NewSupportNeed("n", case, contact.id, "lincoln", "bus", "a ride", "en", "nurse", day, day)
        support_needs.add(db, need, at)
        home_visits.add(
            db,
            home_visits.NewHomeVisit("v", case, contact.id, "lincoln", "why", "who", "leader", day, "nurse"),
            at,
        )
        partner_suggestions.add(
            db,
            partner_suggestions.NewPartnerSuggestion("s", "family", "en", "a church that helps", contact.id),
            at,
        )
    with runtime.database.read() as db:
        found = data_summary.summary_for_contact(db, contact.id)
    assert (found.support_requests, found.suggestions) == (2, 1)
    reply = family.text("PRIVACY")
    assert "What would help your family, and home visits: 2. 90 days after it is done" in reply
    assert "Organizations that you suggested: 1." in reply
