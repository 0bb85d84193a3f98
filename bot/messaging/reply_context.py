"""Build what a dialog turn and its reply need, for a family's message, a follow-up, and a timeout alike."""

from collections.abc import Mapping
from datetime import datetime

from bot.base.text_normalization import NormalizedText
from bot.content import conditions
from bot.content.library import Library
from bot.flows.dialog_state import DialogState, FlowContext
from bot.messaging import partner_directory
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.message_context import TurnResult
from bot.messaging.reply_composer import ReplyComposer
from bot.nlu import NluContext, Understanding, classify_message
from bot.runtime import Runtime
from bot.store.lifecycle import data_summary
from bot.store.lifecycle.data_summary import DataSummary


def build_flow_context(library: Library, now: datetime, attributes: Mapping[str, str]) -> FlowContext:
    """Return what a dialog turn may look up. `attributes` describe the contact (language, channel, answers)."""
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
    """Classify a text with the district's languages and phrases."""
    return classify_message(text, NluContext(library.phrasebook, library.district.languages, language))


def build_composer(
    runtime: Runtime, state: DialogState, context: FlowContext, now: datetime, shown_notices: list[str], text: str = ""
) -> ReplyComposer:
    """Return a composer for the family's language. It adds the notices that it shows to `shown_notices`.

    `text` is the message that is answered, if there is one.
    """
    media_base = f"{runtime.settings.public_base}/media/" if runtime.settings.public_url else ""
    language = state.language or "en"
    return ReplyComposer(
        get_localized_library(runtime, language),
        language,
        now,
        shown_notices,
        condition_values=context.condition_values,
        media_base=media_base,
        text=text,
        load_statuses=lambda: runtime.statuses.get_current(now),
        partners=partner_directory.get_current_partners(
            runtime, now
        ),  # before the transaction: one connection at a time
    )


def find_data_summary(runtime: Runtime, contact_id: int | None) -> DataSummary | None:
    """Return a summary of the data about this contact, or None for a new sender."""
    if contact_id is None:
        return None
    with runtime.database.read() as db:
        return data_summary.summary_for_contact(db, contact_id)


def build_case_values(library: Library, result: TurnResult, now: datetime) -> dict[str, str]:
    """Return the values that a reply may show about the opened case: its number, and who answers first."""
    first_recipient = next(iter(library.district.list_alert_recipients(result.role, now, result.school).values()))
    return {"staff_name": first_recipient.name, "case": str(result.case_id or "")}
