"""googletrans: free, unofficial, and full of traps, each of which is met here (docs/dependencies.md).

It is async only, and one `Translator` must not be shared between event loops: one is made for each call.  On an error
it hands back the source text as if it were translated, unless told to raise; then it raises a bare `Exception`.
"""

import asyncio
import re
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import googletrans
import httpx

from bot.pii.placeholders import has_words, letters, shield, unshield
from bot.translation.provider import Failed, Reason

SECONDS = 8
"""For one text; a batch as a whole has `BATCH_SECONDS`, which is less than a job's minute."""
BATCH_SECONDS = 40
AT_ONCE = 4
CODES = {
    "ff": "ful", "fj": "fij", "fo": "fao", "mh": "mah", "oc": "oci", "rn": "run", "sg": "sag", "ss": "ssw",
    "tn": "tsn", "to": "ton", "ve": "ven", "wo": "wol", "zh": "zh-cn",
}  # fmt: skip
"""Where Google's code is not the usual one."""
STATUS = re.compile(r'status code "(\d+)"')


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: they take longer than a sentence of Google's."""
    return httpx.create_ssl_context()


class _Elsewhere(httpx.AsyncHTTPTransport):
    """Sends every request to a stand-in of Google (GOOGLETRANS_BASE), whatever host it was meant for."""

    def __init__(self, base: str) -> None:
        super().__init__(verify=_certificates())
        self._base = httpx.URL(base)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As the base class, to the other address."""
        there = {"scheme": self._base.scheme, "host": self._base.host, "port": self._base.port}
        request.url = request.url.copy_with(**there)
        request.headers["Host"] = self._base.netloc.decode()
        return await super().handle_async_request(request)


class GoogleTranslator:
    """The provider `googletrans`.  `base`: the address of a stand-in, empty for Google itself."""

    name = "googletrans"

    def __init__(self, base: str = "") -> None:
        self._base = base

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str | Failed]:
        """As `Translator.translate` promises; a thread whose event loop runs already lends it another thread."""
        if not knows(source) or not knows(target):
            return [Failed("off") for _ in texts]
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._all(texts, source, target))
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(self._all(texts, source, target))).result()

    async def _all(self, texts: Sequence[str], source: str, target: str) -> list[str | Failed]:
        client = self._client()
        turn = asyncio.Semaphore(AT_ONCE)
        async with client.client:
            tasks = [asyncio.create_task(self._one(client, turn, text, source, target)) for text in texts]
            await asyncio.wait(tasks, timeout=min(BATCH_SECONDS, 2 * SECONDS * len(tasks))) if tasks else None
            late = [task for task in tasks if not task.done()]
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return [Failed("time-out") if task in late else task.result() for task in tasks]

    def _client(self) -> googletrans.Translator:
        client = googletrans.Translator(raise_exception=True)
        transport = _Elsewhere(self._base) if self._base else None
        client.client = httpx.AsyncClient(
            verify=_certificates(), transport=transport, timeout=SECONDS, headers=client.client.headers
        )
        return client

    async def _one(
        self, client: googletrans.Translator, turn: asyncio.Semaphore, text: str, source: str, target: str
    ) -> str | Failed:
        bare, kept = shield(text)
        if not has_words(bare):
            return text
        async with turn:
            try:
                answer = await client.translate(bare, dest=CODES.get(target, target), src=CODES.get(source, source))
            except Exception as error:  # googletrans raises bare ones, and whatever its parser stumbles over
                return Failed(_reason(error))
        return _checked(bare, answer.text, kept)


def knows(language: str) -> bool:
    """Whether Google translates this language (it has no K'iche', no Mam)."""
    return CODES.get(language, language).lower() in googletrans.LANGUAGES


def _checked(sent: str, came: str, kept: list[str]) -> str | Failed:
    if not came.strip():
        return Failed("garbage")
    if letters(came) == letters(sent):
        return Failed("unchanged")
    whole = unshield(came, kept)
    return whole if whole is not None else Failed("lost words")


def _reason(error: Exception) -> Reason:
    if isinstance(error, httpx.TimeoutException):
        return "time-out"
    if isinstance(error, httpx.TransportError):
        return "unreachable"
    status = STATUS.search(str(error))
    if status:
        return "busy" if status[1] == "429" else "broken"
    return "garbage"
