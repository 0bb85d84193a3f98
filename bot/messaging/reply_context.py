"""What a turn may look at, and who writes its reply: the same for a family's message, a follow-up and a time-out."""

from collections.abc import Mapping
from datetime import datetime

from bot.base.text_normalization import NormalizedText
from bot.content import conditions
from bot.content.library import Library
from bot.flows.dialog_state import DialogState, FlowContext
from bot.messaging import partner_directory
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.effect_handlers import TurnResult
from bot.messaging.reply_composer import ReplyComposer
from bot.nlu import NluContext, Understanding, classify_message
from bot.runtime import Runtime
from bot.store.lifecycle import data_summary
from bot.store.lifecycle.data_summary import DataSummary


def build_flow_context(library: Library, now: datetime, attributes: Mapping[str, str]) -> FlowContext:
    """The world of one message.  `contact`: what is known of who writes (language, channel, notes)."""
    today = library.district.to_local_time(now).date()
    return FlowContext(
        flows=library.flows,
        languages=library.district.languages,
        understand=lambda text, language: understand_text(library, text, language),
        translate=library.catalogs.translate,
        condition_values=conditions.build_values(library, today, attributes),
        schools={name: school.name for name, school in library.district.schools.items()},
        today=today,
        other_languages=library.machine_languages,
    )


def understand_text(library: Library, text: NormalizedText, language: str | None) -> Understanding:
    """What a text means, with the district's languages and phrases."""
    return classify_message(text, NluContext(library.phrasebook, library.district.languages, language))


def build_composer(
    runtime: Runtime, state: DialogState, context: FlowContext, now: datetime, shown_notices: list[str], text: str = ""
) -> ReplyComposer:
    """Who writes in the family's language; `noticed` is filled with the notices that it adds.

    `text`: the message that is answered, if one is.
    """
    media_base = f"{runtime.settings.public_base}/media/" if runtime.settings.public_url else ""
    library = get_localized_library(runtime, state.language or "en")
    return ReplyComposer(
        library,
        state.language or "en",
        now,
        shown_notices,
        condition_values=context.condition_values,
        media_base=media_base,
        text=text,
        load_statuses=lambda: runtime.statuses.get_current(now),
        load_partners=lambda: partner_directory.get_current_partners(runtime, now),
    )


def find_data_summary(runtime: Runtime, contact_id: int | None) -> DataSummary | None:
    """What is held about who writes; None for somebody new."""
    if contact_id is None:
        return None
    with runtime.database.read() as db:
        return data_summary.summary_for_contact(db, contact_id)


def build_case_values(library: Library, result: TurnResult, now: datetime) -> dict[str, str]:
    """What a reply may say of the case that was opened: its number, and who answers first."""
    first_recipient = next(iter(library.district.list_alert_recipients(result.role, now, result.school).values()))
    return {"staff_name": first_recipient.name, "case": str(result.case_id or "")}
