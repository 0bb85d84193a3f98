"""Every answer of every transcript, as a call says it in each language: valid by Twilio's own lists."""

from typing import ClassVar

import pytest
from twilio.twiml.voice_response import VoiceResponse

from bot.base import settings
from bot.content.library import Library
from bot.flow_tests import runner
from bot.flow_tests.harness import FlowTestHarness
from bot.flows.dialog_state import Outcome
from bot.speech.spoken_wording import render_spoken_reply
from bot.speech.twilio_voices import TWILIO_VOICES, find_recognition_locale
from bot.speech.utterances import split_utterances
from bot.web.webhooks.twiml_speech import Speaker, add_key_prompts
from tests.twiml.checking import check

TRANSCRIPTS = settings.ROOT / "flows/tests"


class Overheard(FlowTestHarness):
    """A harness that keeps each spoken reply once."""

    replies: ClassVar[set[tuple[str, str]]] = set()

    def _apply_outcome(self, outcome: Outcome) -> None:
        super()._apply_outcome(outcome)
        self.replies.add((self.state.language or self.language, self.reply))


@pytest.mark.long
def test_all_spoken_transcripts_are_valid_twiml(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "FlowTestHarness", Overheard)
    Overheard.replies.clear()
    runner.play_all(library, TRANSCRIPTS, ["voice"])
    heard = [(language, reply) for language, reply in Overheard.replies if language in TWILIO_VOICES and reply]
    assert len(heard) > 2000 and {language for language, _ in heard} == set(TWILIO_VOICES)
    for language, reply in heard:
        for slowly in (False, True):
            check(as_call(library, language, reply, slowly), "Voice")


def as_call(library: Library, language: str, reply: str, slowly: bool) -> str:
    """Build the reply as `web/webhooks/incoming_call` does, with the keys in the caller's language."""
    press = library.catalogs.translate(language, library.texts["voice_press"])
    texts = add_key_prompts(
        split_utterances(render_spoken_reply(library, language, reply)), lambda digit: press.format(digit=digit)
    )
    document, speaker = VoiceResponse(), Speaker(language, is_slow=slowly)
    gather = document.gather(
        input="dtmf speech", language=find_recognition_locale(language), action="/", action_on_empty_result=True
    )
    for text in texts:
        speaker.say_text(gather, text)
    return str(document)
