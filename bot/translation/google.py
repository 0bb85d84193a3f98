"""Translate with googletrans, a free and unofficial client of Google Translate (docs/dependencies.md).

googletrans is async only, and two event loops can't share one `Translator`, so each call makes its own. By default,
googletrans returns the source text after an error. With `raise_exception`, it raises a bare `Exception`.
"""

import asyncio
import re
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import cache

import googletrans
import httpx

from bot.pii.placeholders import extract_letters, has_words, insert_placeholders, restore_text
from bot.translation.provider import TranslationError, TranslationErrorReason

TEXT_TIMEOUT_SECONDS = 8
"""The timeout for one text. A batch has `BATCH_TIMEOUT_SECONDS`, which is shorter than the minute of a job."""
BATCH_TIMEOUT_SECONDS = 40
MAX_CONCURRENT_REQUESTS = 4
GOOGLE_LANGUAGE_CODES = {
    "ff": "ful", "fj": "fij", "fo": "fao", "mh": "mah", "oc": "oci", "rn": "run", "sg": "sag", "ss": "ssw",
    "tn": "tsn", "to": "ton", "ve": "ven", "wo": "wol", "zh": "zh-cn",
}  # fmt: skip
"""The languages for which Google uses another code."""
STATUS_PATTERN = re.compile(r'status code "(\d+)"')


@cache
def _load_certificates() -> ssl.SSLContext:
    """Load the certificates once, because loading takes longer than a translation."""
    return httpx.create_ssl_context()


@cache
def _build_translator() -> googletrans.Translator:
    """A translator to copy: to make one reads the certificates again, for a client that is never used."""
    return googletrans.Translator(raise_exception=True)


class _RebasedTransport(httpx.AsyncHTTPTransport):
    """Send every request to a test server (GOOGLETRANS_BASE), whatever its host is."""

    def __init__(self, base: str) -> None:
        super().__init__(verify=_load_certificates())
        self._base = httpx.URL(base)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to the other address."""
        base_parts = {"scheme": self._base.scheme, "host": self._base.host, "port": self._base.port}
        request.url = request.url.copy_with(**base_parts)
        request.headers["Host"] = self._base.netloc.decode()
        return await super().handle_async_request(request)


class GoogleTranslator:
    """Translate with `googletrans`. `base` is the address of a test server, or "" for Google."""

    name = "googletrans"

    def __init__(self, base: str = "") -> None:
        self._base = base

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str | TranslationError]:
        """Translate as `Translator.translate` specifies.

        If this thread already runs an event loop, use another thread.
        """
        if not can_translate(source) or not can_translate(target):
            return [TranslationError("off") for _ in texts]
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._translate_all(texts, source, target))
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(self._translate_all(texts, source, target))).result()

    async def _translate_all(self, texts: Sequence[str], source: str, target: str) -> list[str | TranslationError]:
        client = self._create_client()
        semaphore = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)
        async with client.client:
            tasks = [
                asyncio.create_task(self._translate_one(client, semaphore, text, source, target)) for text in texts
            ]
            if tasks:
                timeout = min(BATCH_TIMEOUT_SECONDS, 2 * TEXT_TIMEOUT_SECONDS * len(tasks))
                await asyncio.wait(tasks, timeout=timeout)
            late_tasks = [task for task in tasks if not task.done()]
            for task in late_tasks:
                task.cancel()
            await asyncio.gather(*late_tasks, return_exceptions=True)
        return [TranslationError("time-out") if task in late_tasks else task.result() for task in tasks]

    def _create_client(self) -> googletrans.Translator:
        client = copy(_build_translator())
        transport = _RebasedTransport(self._base) if self._base else None
        client.client = httpx.AsyncClient(
            verify=_load_certificates(),
            transport=transport,
            timeout=TEXT_TIMEOUT_SECONDS,
            headers=client.client.headers,
        )
        return client

    async def _translate_one(
        self, client: googletrans.Translator, semaphore: asyncio.Semaphore, text: str, source: str, target: str
    ) -> str | TranslationError:
        protected_text, originals = insert_placeholders(text)
        if not has_words(protected_text):
            return text
        async with semaphore:
            try:
                answer = await client.translate(
                    protected_text,
                    dest=GOOGLE_LANGUAGE_CODES.get(target, target),
                    src=GOOGLE_LANGUAGE_CODES.get(source, source),
                )
            except Exception as error:  # googletrans raises bare exceptions and any error of its parser
                return TranslationError(_classify_error(error))
        return _check_answer(protected_text, answer.text, originals)


def can_translate(language: str) -> bool:
    """Return whether Google translates this language. K'iche' and Mam are missing, for example."""
    return GOOGLE_LANGUAGE_CODES.get(language, language).lower() in googletrans.LANGUAGES


def _check_answer(sent_text: str, received_text: str, originals: list[str]) -> str | TranslationError:
    if not received_text.strip():
        return TranslationError("garbage")
    if extract_letters(received_text) == extract_letters(sent_text):
        return TranslationError("unchanged")
    restored_text = restore_text(received_text, originals)
    if restored_text is None:
        return TranslationError("lost words")
    return restored_text


def _classify_error(error: Exception) -> TranslationErrorReason:
    if isinstance(error, httpx.TimeoutException):
        return "time-out"
    if isinstance(error, httpx.TransportError):
        return "unreachable"
    status = STATUS_PATTERN.search(str(error))
    if not status:
        return "garbage"
    if status[1] == "429":
        return "busy"
    return "broken"
