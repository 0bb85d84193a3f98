"""The database: one engine a process, short transactions, the same on SQLite and PostgreSQL."""

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
"""For tables whose numbers leave the database (a text of staff, a job, a conversation in Redis): the number of a row
that was erased is given to nobody else.  SQLite takes the highest again unless it is told so; PostgreSQL never does."""
SQLITE_BUSY_SECONDS = 5
"""How long a SQLite writer waits for another one; half of Twilio's patience is left for the rest."""
CHECKPOINT_BUSY_MS = 500


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware in Python on both databases (SQLite keeps no zone of its own)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses a moment without a zone: which hour it means would depend on the machine."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment, in UTC."""
        return (value if value.tzinfo else value.replace(tzinfo=UTC)) if value else None


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
    """The engine and the vault: what every query needs.  Open one per process, after the fork."""

    def __init__(self, url: str, vault: Vault) -> None:
        self.vault = vault
        self.engine = open_engine(url)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One transaction that is kept whole or not at all; on SQLite it takes the write lock at once."""
        with self.engine.begin() as connection:
            yield Transaction(connection, self.vault)

    def checkpoint_wal(self) -> bool:
        """SQLite's log still holds the pages of before: it is written back and emptied.  False, after a moment, if
        somebody reads just then (writers would have to wait as well); PostgreSQL sees to its own."""
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
        """A connection for reading; nothing done with it is kept."""
        with self.engine.connect().execution_options(puente_read_only=True) as connection:
            yield Transaction(connection, self.vault)


def build_driver_url(url: str) -> URL:
    """`DATABASE_URL` for SQLAlchemy; `postgres://` and `postgresql://` both mean psycopg 3.

    Raises `ValueError` with a sentence that does not repeat the address (a password stands in it).
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("sqlite", "postgres", "postgresql"):
        raise ValueError("it begins with postgresql:// or sqlite://")
    try:
        return make_url(f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else url)
    except (ArgumentError, ValueError):
        raise ValueError("it is postgresql://user:password@host:5432/name, with signs in the password as %40") from None


def open_engine(url: str) -> Engine:
    """An engine for `DATABASE_URL`.

    Nothing outlasts a transaction on a connection (no prepared statements, no settings, advisory locks of the
    transaction only), so that PgBouncer may give each transaction another one.
    """
    driver_url = build_driver_url(url)
    is_sqlite = driver_url.get_backend_name() == "sqlite"
    postgres_connect_args: dict[str, Any] = {"connect_timeout": 3, "prepare_threshold": None}
    options: dict[str, Any] = {"connect_args": {"timeout": SQLITE_BUSY_SECONDS} if is_sqlite else postgres_connect_args}
    # An error's words end in logs and error reports: they must not repeat what was to be written.
    options |= {"hide_parameters": True, "pool_timeout": SQLITE_BUSY_SECONDS}
    engine = create_engine(driver_url, pool_pre_ping=not is_sqlite, **options)
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see below
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # an escalation that was answered survives a power cut too
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only unlinked
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at the start: two that read first and write later would block each other."""
    is_read_only = connection.get_execution_options().get("puente_read_only")
    connection.exec_driver_sql("BEGIN" if is_read_only else "BEGIN IMMEDIATE")


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)
