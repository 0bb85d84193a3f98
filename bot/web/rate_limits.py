"""Rate limits for web clients: how often one address can try to log in, and open each public page.

The rate limits for families are in `store/families/rate_limits.py`.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from flask import Flask, abort, request
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import RedisError

from bot.runtime import Runtime
from bot.web.console.core.console_i18n import _
from bot.web.core.current_runtime import get_runtime

View = Callable[..., Any]

LOGIN_LIMITS = "20 per minute; 200 per hour"
"""The limit for one address, which the staff of a school share. The limit for one account is lower (`store/staff`)."""
LOGIN_ENDPOINTS = (
    *("console.log_in", "console.check_code", "console.to_district", "console.from_district"),
    *("console.change_password", "console.set_factor"),
)
PUBLIC_PAGE_LIMITS = "60 per minute"
"""The limit for one address and page: far too few requests to guess a code."""
PUBLIC_PAGE_ENDPOINTS = (
    "genuine.message",
    "genuine.kit_page",
    "genuine.picture",
    "genuine.sound",
    "gathering.page",
    "gathering.calendar_file",
)


class _RequestCounter:
    """The counter of requests: in Redis for all processes, or in each process while Redis is unavailable."""

    def __init__(self, storage: RedisStorage) -> None:
        self._shared_limiter = FixedWindowRateLimiter(storage)
        self._local_limiter = FixedWindowRateLimiter(MemoryStorage())

    def is_within_limits(self, limits: Sequence[RateLimitItem], *client: str) -> bool:
        """Count one more request of this client, and return whether all limits allow it."""
        try:
            return all(self._shared_limiter.hit(item, *client) for item in limits)
        except RedisError:
            return all(self._local_limiter.hit(item, *client) for item in limits)


def limit_requests(app: Flask, runtime: Runtime) -> None:
    """Limit requests to the login and the public pages. Webhooks have no limit here, so that they don't wait."""
    counter = _RequestCounter(runtime.rate_limit_storage)
    for endpoints, limits, identify_client, explain_refusal in (
        (LOGIN_ENDPOINTS, LOGIN_LIMITS, get_client_address, _explain_too_many),
        (PUBLIC_PAGE_ENDPOINTS, PUBLIC_PAGE_LIMITS, _identify_visitor, None),
    ):
        for endpoint in endpoints:
            view = app.view_functions[endpoint]
            app.view_functions[endpoint] = _limit_view(
                view, parse_many(limits), identify_client, explain_refusal, counter
            )


def _limit_view(
    view: View,
    limits: Sequence[RateLimitItem],
    identify_client: Callable[[], str],
    explain_refusal: Callable[[], str] | None,
    counter: _RequestCounter,
) -> View:
    @wraps(view)
    def limited_view(*args: Any, **kwargs: Any) -> Any:
        if not counter.is_within_limits(limits, request.endpoint or "", identify_client()):
            abort(429, explain_refusal() if explain_refusal else None)
        return view(*args, **kwargs)

    return limited_view


def get_client_address() -> str:
    """Return the client's IPv4 address or IPv6 network, without a port.

    A client with one IPv6 address usually has 2**64 of them. Some proxies append the port to the address.
    """
    address = request.remote_addr or ""
    for candidate in (address, address.rpartition(":")[0].strip("[]")):
        try:
            ip = ip_address(candidate)
        except ValueError:
            continue
        if isinstance(ip, IPv6Address) and not ip.ipv4_mapped:
            return str(ip_network((ip, 64), strict=False))
        return str(getattr(ip, "ipv4_mapped", None) or ip)
    return address


def _identify_visitor() -> str:
    """Return the key that counts a visitor of a public page.

    Without `TRUSTED_PROXIES`, the key includes `X-Forwarded-For`, although a client can forge it. Otherwise all
    families behind one proxy would share one limit.
    """
    if get_runtime().settings.trusted_proxies:
        return get_client_address()
    return f"{get_client_address()} {request.headers.get('X-Forwarded-For', '')[:100]}"


def _explain_too_many() -> str:
    return _("Too many attempts from your network. Wait a few minutes.")
