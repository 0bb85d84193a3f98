"""What a turn may look at, and who writes its reply: the same for a family's message, a follow-up and a time-out."""

from collections.abc import Mapping
from datetime import datetime

from bot.content import conditions
from bot.content.library import Library
from bot.flows.dialog_state import Talk, World
from bot.messaging import partner_directory
from bot.messaging.catalog_drafts import library_for
from bot.messaging.effect_handlers import Kept
from bot.messaging.reply_composer import Composer
from bot.nlu import Context, Understanding, understand
from bot.runtime import Services
from bot.store.lifecycle import data_summary
from bot.store.lifecycle.data_summary import DataSummary


def world_of(library: Library, at: datetime, contact: Mapping[str, str]) -> World:
    """The world of one message.  `contact`: what is known of who writes (language, channel, notes)."""
    today = library.district.to_local_time(at).date()
    return World(
        flows=library.flows,
        languages=library.district.languages,
        understand=lambda text, language: understood(library, text, language),
        read=library.catalogs.translate,
        about=conditions.build_values(library, today, contact),
        schools={name: school.name for name, school in library.district.schools.items()},
        today=today,
        others=library.machine_languages,
    )


def understood(library: Library, text: str, language: str | None) -> Understanding:
    """What a text means, with the district's languages and phrases."""
    return understand(text, Context(library.phrasebook, library.district.languages, language))


def composer_for(
    services: Services, talk: Talk, world: World, at: datetime, noticed: list[str], text: str = ""
) -> Composer:
    """Who writes in the family's language; `noticed` is filled with the notices that it adds.

    `text`: the message that is answered, if one is.
    """
    base = f"{services.settings.public_base}/media/" if services.settings.public_url else ""
    library = library_for(services, talk.language or "en")
    return Composer(
        library, talk.language or "en", at, noticed, about=world.about, media_base=base, text=text,
        statuses=lambda: services.statuses.get_current(at), partners=partner_directory.standing(services, at),
    )  # fmt: skip


def held_about(services: Services, contact_id: int | None) -> DataSummary | None:
    """What is held about who writes; None for somebody new."""
    if contact_id is None:
        return None
    with services.database.read() as db:
        return data_summary.summary_for_contact(db, contact_id)


def of_case(library: Library, kept: Kept, at: datetime) -> dict[str, str]:
    """What a reply may say of the case that was opened: its number, and who answers first."""
    first = next(iter(library.district.list_alert_recipients(kept.role, at, kept.school).values()))
    return {"staff_name": first.name, "case": str(kept.case or "")}
