"""Erasing that is asked for in a call is confirmed on the phone itself.

Anybody can ring under a number that is not theirs; a text goes to who has it.  So nothing is erased in a call: the same
question is texted to the number, and the answer to that erases.  Where no text arrives, a person sees to it.
"""

import secrets
from dataclasses import asdict, replace
from datetime import datetime

from bot.flows.dialog_manager import ERASE
from bot.flows.dialog_state import Outcome, Talk, World, start_flow
from bot.flows.effects import Effect, Escalation, Notice
from bot.flows.topic_routing import PERSON
from bot.messaging.inbound_message import Inbound
from bot.messaging.reply_context import composer_for
from bot.messaging.voice_callers import text_to
from bot.runtime import Services
from bot.store.families import families
from bot.store.families.conversations import Conversation

ABOUT = "A caller asks to delete the data of this number: make sure who it is, then tell the records officer"


def only_rung(inbound: Inbound) -> bool:
    """Whether nothing but the number that a call shows says whose data it is.

    Who hides the number has told nothing but in this very call.
    """
    return inbound.channel == "voice" and families.extract_number(inbound.address).startswith("+")


def ask_the_phone(services: Services, inbound: Inbound, talk: Talk, world: World, at: datetime) -> Outcome:
    """What the caller hears, where `erased` would have been said; nothing is erased."""
    if _asked_by_text(services, inbound, talk, world, at):
        return replace(talk, state=None), (Notice("voice_sent"),)
    state, effects = start_flow(world, replace(talk, state=None), PERSON)
    return state, tuple(_about_erasing(effect) for effect in effects)


def _about_erasing(effect: Effect) -> Effect:
    return replace(effect, about=ABOUT) if isinstance(effect, Escalation) else effect


def _asked_by_text(services: Services, inbound: Inbound, talk: Talk, world: World, at: datetime) -> bool:
    """Whether the question is on its way as a text, and the text conversation waits for the answer.

    It does not take the place of another question there: that may be an emergency's.
    """
    number = families.extract_number(inbound.address)
    if _gets_no_texts(services, number):
        return False
    family, owner = services.family(number), secrets.token_hex(8)
    conversation = services.conversations.lock_for_outgoing(family, owner)
    try:
        if conversation is None or conversation.talk.get("state"):
            return False
        body, after = _question(services, conversation, talk, world, at)
        return text_to(services, number, body, inbound.sid[-32:]) and services.conversations.save_outgoing(
            family, owner, after
        )
    finally:
        services.conversations.release(family, owner)


def _gets_no_texts(services: Services, number: str) -> bool:
    with services.database.read() as db:
        family = families.find(db, services.database.vault, number)
        return family is not None and families.get(db, family).bad_number is not None


def _question(
    services: Services, before: Conversation, talk: Talk, world: World, at: datetime
) -> tuple[str, Conversation]:
    asked, effects = start_flow(world, Talk(language=talk.language or "en"), ERASE)
    after = replace(before, talk=asdict(asked), noticed=list(before.noticed))
    return composer_for(services, asked, world, at, after.noticed).compose(effects), after
