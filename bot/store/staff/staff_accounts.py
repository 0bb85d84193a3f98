"""Logins: who may open the console, as what, and what proves it.

A login is closed, never deleted: its name stays taken.  Passwords are kept as argon2 hashes, the second
factor's secret sealed, recovery codes as keyed hashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Integer, String, Table, Text, case, func, insert, select, update
from sqlalchemy.engine import Connection, Row

from bot.base.database import Moment, metadata

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

TRIES = 5
LOCKED_FOR, LONGEST_LOCK = timedelta(minutes=15), timedelta(hours=4)
"""Five wrong tries lock a login for a quarter of an hour, the next five for half an hour, and so on to four hours: some
thirty guesses a day.  Not longer: whoever knows a name can lock it (an administrator opens it; docs/security.md)."""
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Locked until then is closed: only an administrator opens it again."""


@dataclass(frozen=True)
class Login:
    """A person who may open the console.  `staff`: who that is in `district.yaml`; `epoch` counts ends of sessions."""

    id: int
    name: str
    password_hash: str = field(repr=False)
    role: str
    staff: str | None
    language: str
    sealed_secret: str | None = field(repr=False)
    recovery: tuple[str, ...] = field(repr=False)
    locked_until: datetime | None
    epoch: int

    @property
    def closed(self) -> bool:
        """Whether an administrator closed it."""
        return self.locked_until is not None and self.locked_until >= FOR_EVER

    def locked(self, at: datetime) -> bool:
        """Whether nobody can log in with it at this moment."""
        return self.locked_until is not None and self.locked_until > at


def by_name(db: Connection, name: str) -> Login | None:
    """The login with this name; capital letters make no difference."""
    same = func.lower(logins.c.name) == name.lower()
    row = db.execute(select(logins).where(same).order_by(logins.c.name != name).limit(1)).one_or_none()
    return _login(row) if row else None


def by_id(db: Connection, login_id: int) -> Login | None:
    """The login with this id."""
    row = db.execute(select(logins).where(logins.c.id == login_id)).one_or_none()
    return _login(row) if row else None


def every(db: Connection) -> Sequence[Login]:
    """All logins, by name."""
    return [_login(row) for row in db.execute(select(logins).order_by(logins.c.name))]


def none_yet(db: Connection) -> bool:
    """Whether nobody can log in so far."""
    return db.execute(select(func.count()).select_from(logins)).scalar_one() == 0


def make(db: Connection, name: str, password_hash: str, role: str, staff: str | None) -> int:
    """A new login's id; raises `sqlalchemy.exc.IntegrityError` if the name is taken."""
    row = {"name": name, "password_hash": password_hash, "role": role, "staff": staff}
    return int(db.execute(insert(logins).values(row).returning(logins.c.id)).scalar_one())


def set_password(db: Connection, login_id: int, password_hash: str) -> None:
    """Another password; every session ends, and so does a lock (that of a closed login does not)."""
    until = case((logins.c.locked_until >= FOR_EVER, logins.c.locked_until), else_=None)
    _set(db, login_id, password_hash=password_hash, failures=0, locked_until=until, epoch=logins.c.epoch + 1)


def set_role(db: Connection, login_id: int, role: str, staff: str | None) -> None:
    """What this person may, and who it is in the district file."""
    _set(db, login_id, role=role, staff=staff)


def set_language(db: Connection, login_id: int, language: str) -> None:
    """The language of the pages."""
    _set(db, login_id, language=language)


def set_factor(db: Connection, login_id: int, sealed: str, recovery: Sequence[str], step: int, at: datetime) -> None:
    """The second factor, in place of any before; `step` is that of the code which proved it."""
    _set(db, login_id, sealed_secret=sealed, recovery="\n".join(recovery), last_step=step, secret_since=at)


def take_factor(db: Connection, login_id: int) -> None:
    """No second factor any more, and every session ends."""
    values = {"sealed_secret": None, "secret_since": None, "recovery": "", "last_step": 0}
    _set(db, login_id, **values, epoch=logins.c.epoch + 1)


def use_step(db: Connection, login_id: int, step: int) -> bool:
    """Whether the code of this step is used for the first time, and no later one was."""
    key = (logins.c.id == login_id) & (logins.c.last_step < step)
    return db.execute(update(logins).where(key).values(last_step=step)).rowcount == 1


def use_recovery(db: Connection, login: Login, digest: str) -> bool:
    """Whether this is one of the recovery codes that are left; it is used with that."""
    left = [one for one in login.recovery if one != digest]
    key = (logins.c.id == login.id) & (logins.c.recovery == "\n".join(login.recovery))
    found = len(left) < len(login.recovery)
    return found and db.execute(update(logins).where(key).values(recovery="\n".join(left))).rowcount == 1


def count_try(db: Connection, login_id: int, at: datetime) -> int | None:
    """How many tries are left after this one; None if it may not be made, because the login is locked.

    Counted as a failure before it is looked at, so that a hundred tries at once are five; `give_back` mends it.
    """
    free = (logins.c.id == login_id) & (logins.c.locked_until.is_(None) | (logins.c.locked_until <= at))
    counted = {"failures": logins.c.failures + 1, "locked_until": None}
    found = db.execute(update(logins).where(free).values(counted).returning(logins.c.failures)).scalar()
    failures = None if found is None else int(found)
    if failures is None:
        return None
    if failures % TRIES == 0:
        _set(db, login_id, locked_until=at + lock_after(failures))
    return -failures % TRIES


def lock_after(failures: int) -> timedelta:
    """How long a login is locked after so many wrong tries (a multiple of `TRIES`): each time twice as long."""
    times: int = 2 ** min(failures // TRIES - 1, 16)
    return min(LOCKED_FOR * times, LONGEST_LOCK)


def give_back(db: Connection, login_id: int, whole: bool) -> None:
    """This try was right: it does not count, nor (`whole`: nothing else is to be proved) do those before it."""
    failures = 0 if whole else case((logins.c.failures > 0, logins.c.failures - 1), else_=0)
    _set(db, login_id, failures=failures, locked_until=None)


def unlock(db: Connection, login_id: int) -> None:
    """Open a locked or closed login."""
    _set(db, login_id, failures=0, locked_until=None)


def close(db: Connection, login_id: int) -> None:
    """Nobody logs in with it any more; every session ends."""
    _set(db, login_id, locked_until=FOR_EVER, epoch=logins.c.epoch + 1)


def end_sessions(db: Connection, login_id: int) -> None:
    """Every session of this login ends."""
    _set(db, login_id, epoch=logins.c.epoch + 1)


def _set(db: Connection, login_id: int, **values: Any) -> None:
    db.execute(update(logins).where(logins.c.id == login_id).values(values))


def _login(row: Row[Any]) -> Login:
    return Login(
        id=row.id,
        name=row.name,
        password_hash=row.password_hash,
        role=row.role,
        staff=row.staff,
        language=row.language,
        sealed_secret=row.sealed_secret,
        recovery=tuple(row.recovery.split()),
        locked_until=row.locked_until,
        epoch=row.epoch,
    )
