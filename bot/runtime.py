"""Open the runtime of a process once: the settings, library, database, Redis, and channel that all code uses."""

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
"""If Redis does not answer in this time, it counts as unavailable. Twilio waits 15 seconds in total."""


@dataclass(frozen=True, eq=False)
class Runtime:
    """Everything that uses a connection or a file. Share it between threads, but not across a fork."""

    settings: Settings
    library: Library
    redis: Redis
    database: Database

    @cached_property
    def conversations(self) -> ConversationStore:
        """The store of current conversations."""
        return ConversationStore(self.redis, self.database.vault)

    @cached_property
    def rate_limit_storage(self) -> RedisStorage:
        """The storage of the library `limits`."""
        return open_rate_limit_storage(self.redis)

    @cached_property
    def statuses(self) -> school_statuses.StatusCache:
        """The current verified statuses of the schools."""
        return school_statuses.StatusCache(self.database)

    @cached_property
    def channel(self) -> Channel:
        """Twilio if an account is set, otherwise the simulator."""
        if self.settings.is_live:
            return TwilioChannel(self.settings)
        return SimulatorChannel(self.redis)

    def open_bulk_channel(self, connections: int) -> Channel:
        """Open the channel with this number of persistent connections."""
        if self.settings.is_live:
            return TwilioChannel(self.settings, connections)
        return self.channel

    @cached_property
    def translator(self) -> Translator | None:
        """The machine translator, if the district allows one (`TRANSLATOR`)."""
        if self.settings.translator != "googletrans":
            return None
        # Imported only when needed, since its libraries take memory and most web processes do not translate.
        from bot.translation.google import GoogleTranslator

        return GoogleTranslator(self.settings.googletrans_base)

    @cached_property
    def transcriber(self) -> Transcriber | None:
        """The server that transcribes voice notes, if the district has one (`TRANSCRIBER`)."""
        if self.settings.transcriber != "http":
            return None
        return HttpTranscriber(self.settings.transcriber_url, self.settings.transcriber_token)

    @cached_property
    def safe_translator(self) -> SafeTranslator:
        """Translates people's texts: with approved phrases first, then by machine after masking personal details."""
        glossary = TermGlossary(self.library.glossary.terms, self.library.glossary.names)
        return SafeTranslator(
            self.translator, self.redis, self.database.vault, glossary, self._find_approved_translation
        )

    def _find_approved_translation(self, source: str, target: str, text: str) -> str | None:
        """Find a reviewed translation of one of the district's answers, or an approved phrase."""
        if source == SOURCE_LANGUAGE and text.strip() in self.library.district.answers.values():
            translation = self.library.catalogs.find_text(target, text.strip())
            if not (translation.is_draft or translation.is_missing):
                return translation.text
        with self.database.read() as db:
            return approved_phrases.find(db, source, target, text)

    def compute_lookup_hash(self, address: str) -> str:
        """Return the keyed hash by which the rows of this address are found."""
        return self.database.vault.compute_lookup_hash(address)


def open_runtime(settings: Settings, library: Library | None = None) -> Runtime:
    """Build the runtime for these settings, without connecting yet. Raises `SourceError` if a file is invalid."""
    library = library or load_library(ROOT, settings.district_file, settings.encoder)
    if settings.translator != "off":
        library = add_other_languages(library)
    preload_language_model(library.understood_languages)
    dates.preload_calendars(library.district.languages)
    return Runtime(settings, library, open_redis(settings), Database(settings.database_url, Vault(settings.data_keys)))


def open_runtime_for_writing(settings: Settings) -> Runtime:
    """Build the runtime for a command. Raises `SettingsError` if `DATA_KEY` does not fit the database.

    With another key, no stored family would be found. An import would message families that have opted out, and an
    erasure would find no one.
    """
    runtime = open_runtime(settings)
    if problem := reindex.explain_unfit_database(runtime.database):
        raise SettingsError(problem)
    return runtime


def open_redis(settings: Settings) -> Redis:
    """Create a client without connecting. It fails fast, so that no family waits for an unavailable Redis."""
    return RedisFromUrl.from_url(
        settings.redis_url,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=30,
    )
