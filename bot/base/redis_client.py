"""Redis by its address: one server, one behind TLS, or the one that Sentinels name as master at this moment.

`redis://[user:password@]host:6379/0` · `rediss://…` (TLS) · `unix:///path?db=0` ·
`redis+sentinel://[user:password@]host:26379,host:26379,host:26379/mymaster/0` · `rediss+sentinel://…` (TLS)

What stands behind `?` is redis-py's (`ssl_ca_certs=/etc/puente/ca.pem`); `sentinel_username` and `sentinel_password`
are for Sentinels that ask for their own.  Redis Cluster will not do: a message's script reads several keys at once.
"""

from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.connection import parse_url
from redis.sentinel import Sentinel

SENTINEL = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
"""Our schemes, and what the servers behind them speak."""
SENTINEL_SECONDS = 1.0
"""A Sentinel that does not answer in this time is passed over for the next one."""


class AnyRedis(Redis):
    """A client for any `REDIS_URL`, for RQ's own commands too (`--connection-class bot.base.redis_client.AnyRedis`)."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Redis:
        """As redis-py's; behind Sentinels each new connection goes to the master of that moment.

        Connects to nothing.  Raises `ValueError` with a sentence that does not repeat the address and its password.
        """
        scheme = url.split("://", 1)[0]
        if scheme in SENTINEL:
            return _by_sentinels(cls, url, options)
        if scheme not in ("redis", "rediss", "unix"):
            raise ValueError("it begins with redis://, rediss://, redis+sentinel://, rediss+sentinel:// or unix://")
        client: Redis = super().from_url(url, **options)
        return client


def _by_sentinels(client: type[Redis], url: str, options: dict[str, Any]) -> Redis:
    whole = urlsplit(url)
    login, _, places = whole.netloc.rpartition("@")
    service, _, number = whole.path.strip("/").partition("/")
    if not service:
        raise ValueError("it must name the Sentinels' master: redis+sentinel://host:26379,host:26379/mymaster/0")
    plain = SENTINEL[whole.scheme]
    address = f"{plain}://{login + '@' if login else ''}any/{number or 0}?{whole.query}"
    given: dict[str, Any] = dict(parse_url(address))  # type: ignore[no-untyped-call]
    del given["host"]
    own = {name: given.pop(f"sentinel_{name}") for name in ("username", "password") if f"sentinel_{name}" in given}
    if given.pop("connection_class", None):
        given["ssl"] = True
    tls = {name: value for name, value in given.items() if name.startswith("ssl")}
    waits = {"socket_timeout": SENTINEL_SECONDS, "socket_connect_timeout": SENTINEL_SECONDS}
    known = [_place(place) for place in places.split(",")]
    sentinels = Sentinel(known, sentinel_kwargs={**waits, **tls, **own})  # type: ignore[no-untyped-call]
    found: Redis = sentinels.master_for(service, redis_class=client, **given, **options)  # type: ignore[no-untyped-call]
    return found


def _place(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    if not host:
        return place, 26379
    if not port.isdecimal():
        raise ValueError("each Sentinel is host:port, with commas between")
    return host.strip("[]"), int(port)
