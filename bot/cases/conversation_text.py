"""Write a staff message as the family's phone shows it: sender, translation, its notice, and the original."""

from bot.cases.alert_text import add_drill_label
from bot.channels.message_parts import MAX_MESSAGE_UNITS, count_utf16_units
from bot.flows.effects import Notice
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.reply_composer import ReplyComposer
from bot.runtime import Runtime
from bot.store.cases import cases
from bot.store.cases.case_messages import CaseMessage
from bot.store.cases.cases import Case
from bot.store.families import contacts
from bot.store.families.contacts import Contact


def build_family_text(runtime: Runtime, case: Case, message: CaseMessage, contact: Contact, is_first: bool) -> str:
    """Return the text for the phone: the sender (the first time), the translation, its notice, and the original.

    In a drill, the drill label comes first: a principal's "keep them in the office" must not frighten anyone.
    """
    return add_drill_label(case, _build_full_text(runtime, message, contact, is_first))


def _build_full_text(runtime: Runtime, message: CaseMessage, contact: Contact, is_first: bool) -> str:
    language, district = contact.language or "en", runtime.library.district
    name = district.staff[message.staff].name if message.staff in district.staff else district.name
    library = get_localized_library(runtime, language)
    composer = ReplyComposer(library, language, message.at, extra_values={"staff_name": name})
    parts = []
    if is_first:
        parts.append(composer.compose([Notice("talk_starts")]))
    if message.language == language:
        return "\n\n".join([*parts, message.original])
    if not message.translation:
        return "\n\n".join([*parts, f"{_get_label(runtime, language, 'not_translated')}\n{message.original}"])
    label = _get_label(runtime, language, "by_machine") if message.machine == "yes" else "—"
    return "\n\n".join([*parts, message.translation, f"{label}\n{message.original}"])


def split_spoken_text(runtime: Runtime, message: CaseMessage, body: str, language: str) -> tuple[str, str]:
    """Return the two parts of a staff message in a call: the text in the family's language, and the original.

    The original is empty if there is a translation. It needs another voice. `body` is the text of `build_family_text`.
    """
    if message.language == language or not body.endswith(message.original):
        return body, ""
    own_text = body.removesuffix(message.original).strip()
    if not message.translation:
        return own_text, message.original
    translation = own_text.rpartition("\n\n")[0]
    if message.machine != "yes":
        return translation, ""
    return f"{translation}\n\n{_get_label(runtime, language, 'notice_draft')}", ""


def _get_label(runtime: Runtime, language: str, text_id: str) -> str:
    library = get_localized_library(runtime, language)
    return library.catalogs.translate(language, library.texts[text_id])  # type: ignore[index]  # checked at load


def can_send_as_one_message(runtime: Runtime, message: CaseMessage) -> bool:
    """Say whether the first message, with its original and its introduction, fits one message (twilio.md, 21617)."""
    with runtime.database.read() as db:
        case = cases.get(db, message.case_id)
        contact = contacts.get(db, case.contact_id)
    text = build_family_text(runtime, case, message, contact, is_first=True)
    return count_utf16_units(text) <= MAX_MESSAGE_UNITS
