"""Logins: who may open the console.  Passwords are kept as argon2 hashes only."""

from dataclasses import dataclass

from sqlalchemy import Column, Integer, String, Table, Text, func, insert, select, update
from sqlalchemy.engine import Connection

from bot.store.db import Moment, metadata

logins = Table(
    "logins",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("password_hash", String(200), nullable=False),
    Column("role", String(16), nullable=False, server_default="administrator"),
    Column("staff", String(64)),
    Column("language", String(8), nullable=False, server_default="en"),
    Column("sealed_secret", Text),
    Column("secret_since", Moment),
    Column("last_step", Integer, nullable=False, server_default="0"),
    Column("recovery", Text, nullable=False, server_default=""),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("locked_until", Moment),
    Column("epoch", Integer, nullable=False, server_default="0"),
)


@dataclass(frozen=True)
class Login:
    """A person who may open the console."""

    id: int
    name: str
    password_hash: str


def set_password(db: Connection, name: str, password_hash: str) -> None:
    """Give a login this password; the login is made if there is none with this name."""
    changed = db.execute(update(logins).where(logins.c.name == name).values(password_hash=password_hash))
    if changed.rowcount == 0:
        db.execute(insert(logins).values(name=name, password_hash=password_hash))


def by_name(db: Connection, name: str) -> Login | None:
    """The login with this name."""
    row = db.execute(select(logins).where(logins.c.name == name)).one_or_none()
    return Login(row.id, row.name, row.password_hash) if row else None


def by_id(db: Connection, login_id: int) -> Login | None:
    """The login with this id."""
    row = db.execute(select(logins).where(logins.c.id == login_id)).one_or_none()
    return Login(row.id, row.name, row.password_hash) if row else None


def none_yet(db: Connection) -> bool:
    """Whether nobody can log in so far."""
    return db.execute(select(func.count()).select_from(logins)).scalar_one() == 0
