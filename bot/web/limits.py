"""How often one address may try to log in, and look at the public pages; counted in Redis."""

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from bot.services import Services
from bot.web.console.words import _
from bot.web.here import services

TRIES = "20 per minute; 200 per hour"
"""Log-ins of one address.  A school's staff share one; the lock of a single login is tighter (`store/logins.py`)."""
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


class _OfViews(Limiter):
    """Looks only at what is limited: each such view asks by itself, and no limit is for all (a webhook has to wait for
    none)."""

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        if not in_middleware:
            super()._check_request_limit(callable_name, in_middleware)


def limit(app: Flask, ready: Services) -> None:
    """Count tries to log in and looks at the public pages, in Redis; each process by itself while Redis is away."""
    pool = {"connection_pool": ready.redis.connection_pool}
    limiter = _OfViews(
        caller,
        app=app,
        storage_uri="redis://",  # the pool says where; what stands here is only its kind
        storage_options=pool,  # type: ignore[arg-type]  # limits takes a pool, Flask-Limiter's types do not know
        in_memory_fallback_enabled=True,
        key_prefix="puente",
    )
    for endpoint in TRIED:
        limited: Any = limiter.limit(TRIES, error_message=_too_many)(app.view_functions[endpoint])
        app.view_functions[endpoint] = limited
    for endpoint in LOOKED:
        looked: Any = limiter.limit(LOOKS, key_func=_visitor)(app.view_functions[endpoint])
        app.view_functions[endpoint] = looked


def caller() -> str:
    """Whose tries are counted together: an address; of IPv6 its network, for who has one address there has 2**64.

    Some proxies write the port behind the address: another port is nobody else.
    """
    address = get_remote_address()
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
