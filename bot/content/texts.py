"""`flows/texts.yaml`: the few texts that belong to no flow, named by the program by their ids."""

from typing import Literal

from bot.conversation.flow import Model

TextId = Literal[
    "notice_draft",
    "notice_english",
    "notice_soon",
    "corrected",
    "added",
    "after_hours",
    "taken",
    "nobody_yet",
    "talk_starts",
    "talk_ends",
    "by_machine",
    "not_translated",
    "last_question",
    "fact_unavailable",
    "checked_on",
    "flow_changed",
    "try_later",
    "which_topic",
    "also_asked",
    "someone_else",
    "not_now",
    "all_right",
    "cost_free",
    "cost_low",
    "status_not_needed",
    "cannot_read_audio",
    "cannot_read_image",
    "cannot_read_document",
    "cannot_read_contact",
    "cannot_read_location",
    "cannot_read_unknown",
    "announced_check",
    "genuine",
    "genuine_over",
    "genuine_stopped",
    "not_genuine",
    "check_how",
    "kit_message",
    "kit_title",
    "kit_until",
    "kit_over",
    "kit_no_list",
    "kit_machine_voice",
    "kit_share",
    "kit_picture",
    "kit_sound",
    "sent_on",
    "poster_title",
    "poster_how",
    "poster_safe",
]


class Texts(Model):
    """English wording by id."""

    texts: dict[TextId, str]
