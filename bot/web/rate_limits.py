"""How often one address may try to log in, and look at the public pages; counted in Redis."""

from collections.abc import Callable, Sequence
from functools import wraps
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from flask import Flask, abort, request
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import Redis, RedisError

from bot.runtime import Services
from bot.web.console.core.console_i18n import _
from bot.web.core.current_runtime import services

View = Callable[..., Any]

TRIES = "20 per minute; 200 per hour"
"""Logins of one address. A school's staff share one; the limit of one account is tighter (`store/staff`)."""
TRIED = (
    *("console.log_in", "console.check_code", "console.to_district", "console.from_district"),
    *("console.change_password", "console.set_factor"),
)
LOOKS = "60 per minute"
"""Looks of one address at each of the public pages: far too few to find a code by trying."""
LOOKED = (
    "genuine.message",
    "genuine.kit_page",
    "genuine.picture",
    "genuine.sound",
    "gathering.page",
    "gathering.calendar_file",
)


class _Counter:
    """Counts in Redis, for all processes; each by itself while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        pool: Any = redis.connection_pool  # the pool says where; what stands before it is only its kind
        storage = RedisStorage("redis://", connection_pool=pool, key_prefix="puente:limits")
        self._together, self._alone = FixedWindowRateLimiter(storage), FixedWindowRateLimiter(MemoryStorage())

    def one_more(self, most: Sequence[RateLimitItem], *who: str) -> bool:
        """Whether `who` may once more."""
        try:
            return all(self._together.hit(one, *who) for one in most)
        except RedisError:
            return all(self._alone.hit(one, *who) for one in most)


def limit(app: Flask, ready: Services) -> None:
    """Count tries to log in and looks at the public pages: at these views only, a webhook waits for no count."""
    counter = _Counter(ready.redis)
    for endpoints, most, who, told in ((TRIED, TRIES, caller, _too_many), (LOOKED, LOOKS, _visitor, None)):
        for endpoint in endpoints:
            view = app.view_functions[endpoint]
            app.view_functions[endpoint] = _limited(view, parse_many(most), who, told, counter)


def _limited(
    view: View, most: Sequence[RateLimitItem], who: Callable[[], str], told: Callable[[], str] | None, counter: _Counter
) -> View:
    @wraps(view)
    def counted(*given: Any, **named: Any) -> Any:
        if not counter.one_more(most, request.endpoint or "", who()):
            abort(429, told() if told else None)
        return view(*given, **named)

    return counted


def caller() -> str:
    """Whose tries are counted together: an address; of IPv6 its network, for who has one address there has 2**64.

    Some proxies write the port behind the address: another port is nobody else.
    """
    address = request.remote_addr or ""
    for given in (address, address.rpartition(":")[0].strip("[]")):
        try:
            found = ip_address(given)
        except ValueError:
            continue
        if isinstance(found, IPv6Address) and not found.ipv4_mapped:
            return str(ip_network((found, 64), strict=False))
        return str(getattr(found, "ipv4_mapped", None) or found)
    return address


def _visitor() -> str:
    """Who looks at a page without a login.  Where nobody has said how many proxies there are (`TRUSTED_PROXIES`), a
    proxy's word for it counts too, though it can be forged: all the district's families must not share one limit."""
    if services().settings.trusted_proxies:
        return caller()
    return f"{caller()} {request.headers.get('X-Forwarded-For', '')[:100]}"


def _too_many() -> str:
    return _("Too many tries from your network. Please wait some minutes.")
