"""Encode texts with an embeddings server of the district, for example llama.cpp with a larger model."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import requests

from bot.nlu.encoder import EncoderError, FloatArray, normalize_rows

TIMEOUT_SECONDS: Final = 0.3
"""How long a family's message waits for vectors. After that, the models without vectors decide."""


class HttpEncoder:
    """Ask `url` in the format of OpenAI's embeddings: {"input": [texts]} gives {"data": [{"embedding": [...]}]}.

    The server must be on this machine or on a private network, because no text of a family may leave the district.
    """

    def __init__(self, url: str) -> None:
        if problem := find_address_problem(url):
            raise EncoderError(problem)
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy: the text must not take another path
        self.fingerprint = hashlib.sha256(url.encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return one normalized row for each text."""
        try:
            response = self._session.post(
                self._url, json={"input": list(texts)}, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
            response.raise_for_status()
            rows = sorted(response.json()["data"], key=lambda row: row["index"])
            vectors = np.array([row["embedding"] for row in rows], dtype=np.float32)
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise EncoderError(f"the embeddings server gives no vectors ({type(error).__name__})") from None
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise EncoderError("the embeddings server gives another number of vectors than texts")
        return normalize_rows(vectors)


def find_address_problem(url: str) -> str | None:
    """Return why this address isn't allowed, or None.

    The host is `localhost` or an IP address, so that no name server can send the texts to another place.
    """
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return f"ENCODER needs an IP address or localhost, not {host or 'nothing'}, as in http://127.0.0.1:8080/v1/embeddings"
    if address.is_loopback or address.is_private:
        return None
    return f"ENCODER names {host}, a public address: families' texts must stay on the district's machines"
