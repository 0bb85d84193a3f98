"""Connect to Redis by URL: one server, one behind TLS, or the current master of a group of Sentinels.

`redis://[user:password@]host:6379/0` · `rediss://…` (TLS) · `unix:///path?db=0` ·
`redis+sentinel://[user:password@]host:26379,host:26379,host:26379/mymaster/0` · `rediss+sentinel://…` (TLS)

Options after `?` are those of redis-py (`ssl_ca_certs=/etc/puente/ca.pem`). `sentinel_username` and
`sentinel_password` are for Sentinels with their own credentials. Redis Cluster is not supported, since the scripts
for a message read several keys at once.
"""

from typing import Any
from urllib.parse import urlsplit

from limits.storage import RedisStorage
from redis import Redis
from redis.connection import parse_url
from redis.sentinel import Sentinel

SENTINEL_SCHEMES = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
"""Maps our schemes to those of the servers behind the Sentinels."""
SENTINEL_TIMEOUT_SECONDS = 1.0
"""If a Sentinel does not answer in this time, the client asks the next one."""
RATE_LIMIT_KEY_PREFIX = "puente:limits"


class RedisFromUrl(Redis):
    """A client for any `REDIS_URL`. RQ takes it with `--connection-class bot.base.redis_client.RedisFromUrl`."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Redis:
        """Create a client without connecting. Behind Sentinels, each new connection goes to the current master.

        Raises `ValueError` with a message that does not repeat the URL, since the URL contains a password.
        """
        scheme = url.split("://", 1)[0]
        if scheme in SENTINEL_SCHEMES:
            return _build_sentinel_client(cls, url, options)
        if scheme not in ("redis", "rediss", "unix"):
            raise ValueError(
                "it must begin with redis://, rediss://, redis+sentinel://, rediss+sentinel://, or unix://"
            )
        client: Redis = super().from_url(url, **options)
        return client


def open_rate_limit_storage(redis: Redis) -> RedisStorage:
    """Open the storage of the library `limits` on this client's connections, without connecting yet."""
    # The pool has the address. The URL here only names the kind of storage.
    pool: Any = redis.connection_pool
    return RedisStorage("redis://", connection_pool=pool, key_prefix=RATE_LIMIT_KEY_PREFIX)


def _build_sentinel_client(client_class: type[Redis], url: str, options: dict[str, Any]) -> Redis:
    parts = urlsplit(url)
    credentials, _, nodes = parts.netloc.rpartition("@")
    service, _, database_number = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("name the Sentinels' master: redis+sentinel://host:26379,host:26379/mymaster/0")
    scheme = SENTINEL_SCHEMES[parts.scheme]
    address = f"{scheme}://{credentials + '@' if credentials else ''}any/{database_number or 0}?{parts.query}"
    server_options: dict[str, Any] = dict(parse_url(address))  # type: ignore[no-untyped-call]
    del server_options["host"]
    sentinel_credentials = {
        name: server_options.pop(f"sentinel_{name}")
        for name in ("username", "password")
        if f"sentinel_{name}" in server_options
    }
    if server_options.pop("connection_class", None):
        server_options["ssl"] = True
    tls = {name: value for name, value in server_options.items() if name.startswith("ssl")}
    timeouts = {"socket_timeout": SENTINEL_TIMEOUT_SECONDS, "socket_connect_timeout": SENTINEL_TIMEOUT_SECONDS}
    sentinel_nodes = [_parse_node(node) for node in nodes.split(",")]
    sentinels = Sentinel(sentinel_nodes, sentinel_kwargs={**timeouts, **tls, **sentinel_credentials})  # type: ignore[no-untyped-call]
    master: Redis = sentinels.master_for(service, redis_class=client_class, **server_options, **options)  # type: ignore[no-untyped-call]
    return master


def _parse_node(node: str) -> tuple[str, int]:
    host, _, port = node.rpartition(":")
    if not host:
        return node, 26379
    if not port.isdecimal():
        raise ValueError("write each Sentinel as host:port, separated by commas")
    return host.strip("[]"), int(port)
