"""What a process works with: settings, library, database, Redis, the way out.  Put together once, passed to all."""

from dataclasses import dataclass
from functools import cached_property

from limits.storage import RedisStorage
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bot.base.database import Database
from bot.base.encryption import Vault
from bot.base.redis_client import RedisFromUrl, open_rate_limit_storage
from bot.base.settings import ROOT, Settings, SettingsError
from bot.channels.base import Channel
from bot.channels.simulator import SimulatorChannel
from bot.channels.twilio import TwilioChannel
from bot.content import dates
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.library import Library, add_other_languages, load_library
from bot.nlu import preload_language_model
from bot.store.announcements import approved_phrases
from bot.store.families.conversations import ConversationStore
from bot.store.lifecycle import reindex
from bot.store.schools import school_statuses
from bot.transcription import Transcriber
from bot.transcription.http import HttpTranscriber
from bot.translation import Translator
from bot.translation.safe_translator import SafeTranslator
from bot.translation.term_glossary import TermGlossary

REDIS_TIMEOUT_SECONDS = 2
"""A Redis that does not answer in this time counts as away; Twilio waits 15 s in all."""


@dataclass(frozen=True, eq=False)
class Runtime:
    """Everything with a connection or a file behind it.  Safe to share between threads, not across a fork."""

    settings: Settings
    library: Library
    redis: Redis
    database: Database

    @cached_property
    def conversations(self) -> ConversationStore:
        """The day's conversations."""
        return ConversationStore(self.redis, self.database.vault)

    @cached_property
    def rate_limit_storage(self) -> RedisStorage:
        """Where the library `limits` counts."""
        return open_rate_limit_storage(self.redis)

    @cached_property
    def statuses(self) -> school_statuses.StatusCache:
        """What is verified about the schools now."""
        return school_statuses.StatusCache(self.database)

    @cached_property
    def channel(self) -> Channel:
        """Twilio where an account is set, else the simulator."""
        if self.settings.is_live:
            return TwilioChannel(self.settings)
        return SimulatorChannel(self.redis)

    def open_bulk_channel(self, connections: int) -> Channel:
        """The same way out, with so many connections that stay open."""
        return TwilioChannel(self.settings, connections) if self.settings.is_live else self.channel

    @cached_property
    def translator(self) -> Translator | None:
        """The machine that translates, if the district allows one (`TRANSLATOR`)."""
        if self.settings.translator != "googletrans":
            return None
        # Here, since its libraries take memory and most web processes ask nobody.
        from bot.translation.google import GoogleTranslator

        return GoogleTranslator(self.settings.googletrans_base)

    @cached_property
    def transcriber(self) -> Transcriber | None:
        """The machine that writes down voice notes, if the district has set one up (`TRANSCRIBER`)."""
        settings = self.settings
        return (
            HttpTranscriber(settings.transcriber_url, settings.transcriber_token)
            if settings.transcriber == "http"
            else None
        )

    @cached_property
    def safe_translator(self) -> SafeTranslator:
        """How people's texts are translated: approved phrases first, then the machine, which sees nothing personal."""
        glossary = TermGlossary(self.library.glossary.terms, self.library.glossary.names)
        return SafeTranslator(
            self.translator, self.redis, self.database.vault, glossary, self._find_approved_translation
        )

    def _find_approved_translation(self, source: str, target: str, text: str) -> str | None:
        """A person's wording: one of the district's answers whose translation is reviewed, or an approved phrase."""
        if source == SOURCE_LANGUAGE and text.strip() in self.library.district.answers.values():
            wording = self.library.catalogs.find_text(target, text.strip())
            if not (wording.is_draft or wording.is_missing):
                return wording.text
        with self.database.read() as db:
            return approved_phrases.find(db, source, target, text)

    def compute_lookup_hash(self, address: str) -> str:
        """The keyed hash under which everything of this address is kept."""
        return self.database.vault.compute_lookup_hash(address)


def open_runtime(settings: Settings, library: Library | None = None) -> Runtime:
    """The services for these settings.  Connects to nothing yet; raises `BadSource` if a file is wrong."""
    library = library or load_library(ROOT, settings.district_file)
    if settings.translator != "off":
        library = add_other_languages(library)
    preload_language_model(library.understood_languages)
    dates.preload_calendars(library.district.languages)
    return Runtime(settings, library, open_redis(settings), Database(settings.database_url, Vault(settings.data_keys)))


def open_runtime_for_writing(settings: Settings) -> Runtime:
    """The same for a command: raises `SettingsError` for a `DATA_KEY` that does not fit what is stored.

    With another key every family is a stranger: who is imported would be written to though it stopped, and who is to
    be erased would not be found.
    """
    runtime = open_runtime(settings)
    if problem := reindex.explain_unfit_database(runtime.database):
        raise SettingsError(problem)
    return runtime


def open_redis(settings: Settings) -> Redis:
    """A client that fails soon: a family must not wait for a Redis that is gone.  Connects to nothing yet."""
    return RedisFromUrl.from_url(
        settings.redis_url,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=30,
    )
