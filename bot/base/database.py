"""Open the database: one engine per process and short transactions, the same on SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import URL, DateTime, Dialect, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.types import TypeDecorator

from bot.base.encryption import Vault

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

NO_ID_REUSE: dict[str, Any] = {"sqlite_autoincrement": True}
"""Table options for IDs that leave the database, in a staff text, a job, or a conversation in Redis.

IDs of deleted rows are never reused. SQLite reuses the highest ID without this option; PostgreSQL never does."""
SQLITE_BUSY_SECONDS = 5
"""How long a SQLite writer waits for another one. Twilio waits 15 seconds for the whole request."""
CHECKPOINT_BUSY_MS = 500


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, time zone aware in Python on both databases. SQLite stores no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a moment to UTC. Raises `ValueError` if it has no time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC."""
        if value is None or value.tzinfo:
            return value
        return value.replace(tzinfo=UTC)


class Transaction:
    """One transaction, with the vault that encrypts and decrypts its rows.

    It offers the methods of the SQLAlchemy connection that queries use, with their types.
    """

    def __init__(self, connection: Connection, vault: Vault) -> None:
        self.connection, self.vault, self.dialect = connection, vault, connection.dialect
        self.execute = connection.execute
        self.exec_driver_sql = connection.exec_driver_sql
        self.begin_nested = connection.begin_nested
        self.in_nested_transaction = connection.in_nested_transaction


class Database:
    """The engine and the vault. Open one per process, after the fork."""

    def __init__(self, url: str, vault: Vault) -> None:
        self.vault = vault
        self.engine = open_engine(url)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a transaction that commits or rolls back as a whole. On SQLite it takes the write lock at once."""
        with self.engine.begin() as connection:
            yield Transaction(connection, self.vault)

    def checkpoint_wal(self) -> bool:
        """Write SQLite's log back and empty it, since the log still holds deleted data.

        Returns False if another connection reads for longer than `CHECKPOINT_BUSY_MS`, because writers would wait too.
        PostgreSQL manages its own log.
        """
        if self.engine.dialect.name != "sqlite":
            return True
        with self.engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            raw.execute(f"PRAGMA busy_timeout={CHECKPOINT_BUSY_MS}")
            try:
                return bool(raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
            finally:
                raw.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_SECONDS * 1000}")

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a connection for reading. Changes made with it are rolled back."""
        with self.engine.connect().execution_options(puente_read_only=True) as connection:
            yield Transaction(connection, self.vault)


def build_driver_url(url: str) -> URL:
    """Convert `DATABASE_URL` for SQLAlchemy. `postgres://` and `postgresql://` both mean psycopg 3.

    Raises `ValueError` with a message that does not repeat the URL, since the URL contains a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("sqlite", "postgres", "postgresql"):
        raise ValueError("it must begin with postgresql:// or sqlite://")
    if scheme in ("postgres", "postgresql"):
        url = f"postgresql+psycopg://{rest}"
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(
            "write postgresql://user:password@host:5432/name, and escape special characters in the password (@ is %40)"
        ) from None


def open_engine(url: str) -> Engine:
    """Create an engine for `DATABASE_URL`.

    No state outlasts a transaction: no prepared statements, no session settings, and only transaction-level advisory
    locks. PgBouncer can therefore give each transaction another connection.
    """
    driver_url = build_driver_url(url)
    is_sqlite = driver_url.get_backend_name() == "sqlite"
    postgres_connect_args: dict[str, Any] = {"connect_timeout": 3, "prepare_threshold": None}
    options: dict[str, Any] = {"connect_args": {"timeout": SQLITE_BUSY_SECONDS} if is_sqlite else postgres_connect_args}
    # Error messages end up in logs and error reports, so they must not repeat the values of a statement.
    options |= {"hide_parameters": True, "pool_timeout": SQLITE_BUSY_SECONDS}
    engine = create_engine(driver_url, pool_pre_ping=not is_sqlite, **options)
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # _begin_sqlite sends BEGIN
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # an answered escalation survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")  # overwrite deleted data, not only unlink it
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the start. Two writers that read first and write later would block each other."""
    is_read_only = connection.get_execution_options().get("puente_read_only")
    connection.exec_driver_sql("BEGIN" if is_read_only else "BEGIN IMMEDIATE")


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)
