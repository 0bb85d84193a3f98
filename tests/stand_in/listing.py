"""The message list: filters, newest first, in pages that don't shift while messages arrive."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from .ledger import Ledger
from .records import Accepted
from .rules import RequestRefusedError

KNOWN = {"To", "From", "DateSent", "DateSent<", "DateSent>", "PageSize", "Page", "PageToken"}


def page(ledger: Ledger, query: dict[str, str]) -> dict[str, Any]:
    """Return one page in the format of the 2010 API. The PageToken names the last message of the previous page."""
    unknown = set(query) - KNOWN
    if unknown:
        raise RequestRefusedError(20001, f"Invalid parameter {', '.join(sorted(unknown))}")
    size, number = _whole(query.get("PageSize", "50"), 1, 1000), _whole(query.get("Page", "0"), 0, 10**6)
    with ledger.changed:
        newest_first = ledger.messages[::-1]
        matches = [message for message in _after(newest_first, query) if _fits(message, query, ledger.lists_unsent)]
        rows = [message.resource(ledger.account_sid) for message in matches[:size]]
    base = f"/2010-04-01/Accounts/{ledger.account_sid}/Messages.json?"
    filters = {name: value for name, value in query.items() if name not in ("Page", "PageToken", "PageSize")}

    def uri(number: int, **token: str) -> str:
        return base + urlencode({**filters, "PageSize": str(size), "Page": str(number), **token})

    token = {"PageToken": "PA" + matches[size - 1].sid} if len(matches) > size else {}
    return {
        "messages": rows,
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": number * size + max(0, len(rows) - 1),
        "uri": uri(number),
        "first_page_uri": uri(0),
        "previous_page_uri": uri(number - 1) if number else None,
        "next_page_uri": uri(number + 1, **token) if token else None,
    }


def _after(newest_first: list[Accepted], query: dict[str, str]) -> list[Accepted]:
    sids = [message.sid for message in newest_first]
    token = query.get("PageToken", "").removeprefix("PA")
    if token and token not in sids:
        raise RequestRefusedError(20001, "Invalid PageToken")
    return newest_first[sids.index(token) + 1 :] if token else newest_first


def _fits(message: Accepted, query: dict[str, str], lists_unsent: bool) -> bool:
    if query.get("To", message.to) != message.to or query.get("From", message.sender) != message.sender:
        return False
    sent_at = message.sent_at or (message.at if lists_unsent else None)
    return all(
        sent_at is not None and _within(sent_at, name, query[name])
        for name in ("DateSent", "DateSent<", "DateSent>")
        if name in query
    )


def _within(sent_at: float, name: str, text: str) -> bool:
    """Return whether a time matches a filter: a day or a time of ISO 8601, which DateSent> and DateSent< include.

    Source: twilio.com/docs.
    """
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise RequestRefusedError(20001, f"Invalid parameter {name}") from None
    if not start.tzinfo:
        start = start.replace(tzinfo=UTC)
    is_day = len(text) == 10
    end = start + (timedelta(days=1) if is_day else timedelta(seconds=1))
    after, before = sent_at >= start.timestamp(), sent_at < end.timestamp()
    return {"DateSent>": after, "DateSent<": before}.get(name, after and before)


def _whole(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise RequestRefusedError(20001, "Invalid page")
    return min(int(text), most)
