"""Every answer of every transcript, as a call says it in each language: TwiML by Twilio's own lists."""

from typing import ClassVar

import pytest
from twilio.twiml.voice_response import VoiceResponse

from bot.base import settings
from bot.content.library import Library
from bot.flow_tests import runner
from bot.flow_tests.harness import Stage
from bot.flows.dialog_state import Outcome
from bot.speech.spoken_wording import said
from bot.speech.twilio_voices import VOICES, hears
from bot.speech.utterances import pieces
from bot.web.webhooks.twiml_speech import Speaker, with_keys
from tests.twiml.checking import check

TRANSCRIPTS = settings.ROOT / "flows/tests"


class Overheard(Stage):
    """A stage that keeps what was said on it, once each."""

    replies: ClassVar[set[tuple[str, str]]] = set()

    def _take(self, outcome: Outcome) -> None:
        super()._take(outcome)
        self.replies.add((self.talk.language or self.language, self.reply))


@pytest.mark.long
def test_all_that_transcripts_say_is_twiml(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "Stage", Overheard)
    Overheard.replies.clear()
    runner.play_all(library, TRANSCRIPTS, ["voice"])
    heard = [(language, reply) for language, reply in Overheard.replies if language in VOICES and reply]
    assert len(heard) > 2000 and {language for language, _ in heard} == set(VOICES)
    for language, reply in heard:
        for slowly in (False, True):
            check(as_call(library, language, reply, slowly), "Voice")


def as_call(library: Library, language: str, reply: str, slowly: bool) -> str:
    """The reply as `web/webhooks/incoming_call` says it, the keys in the caller's language."""
    press = library.catalogs.translate(language, library.texts["voice_press"])
    texts = with_keys(pieces(said(library, language, reply)), lambda digit: press.format(digit=digit))
    document, speaker = VoiceResponse(), Speaker(language, slowly=slowly)
    gather = document.gather(input="dtmf speech", language=hears(language), action="/", action_on_empty_result=True)
    for text in texts:
        speaker.say(gather, text)
    return str(document)
