"""Logins: who may open the console, as what, and what proves it.

A login is closed, never deleted: its name stays taken.  Passwords are kept as argon2 hashes, the second
factor's secret sealed, recovery codes as keyed hashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Integer, String, Table, Text, case, func, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata

staff_accounts = Table(
    "logins",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("password_hash", String(200), nullable=False),
    Column("role", String(16), nullable=False, server_default="administrator"),
    Column("staff", String(64)),
    Column("language", String(8), nullable=False, server_default="en"),
    Column("sealed_secret", Text),
    Column("secret_since", UtcDateTime),
    Column("last_step", Integer, nullable=False, server_default="0"),
    Column("recovery", Text, nullable=False, server_default=""),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("locked_until", UtcDateTime),
    Column("epoch", Integer, nullable=False, server_default="0"),
)

ATTEMPTS_BEFORE_LOCK = 5
FIRST_LOCK_DURATION, MAX_LOCK_DURATION = timedelta(minutes=15), timedelta(hours=4)
"""Five wrong tries lock a login for a quarter of an hour, the next five for half an hour, and so on to four hours: some
thirty guesses a day.  Not longer: whoever knows a name can lock it (an administrator opens it; docs/security.md)."""
LOCKED_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Locked until then is closed: only an administrator opens it again."""


@dataclass(frozen=True)
class StaffAccount:
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
    def is_closed(self) -> bool:
        """Whether an administrator closed it."""
        return self.locked_until is not None and self.locked_until >= LOCKED_FOREVER

    def is_locked_at(self, at: datetime) -> bool:
        """Whether nobody can log in with it at this moment."""
        return self.locked_until is not None and self.locked_until > at


def find_by_name(db: Transaction, name: str) -> StaffAccount | None:
    """The login with this name; capital letters make no difference."""
    same = func.lower(staff_accounts.c.name) == name.lower()
    row = db.execute(select(staff_accounts).where(same).order_by(staff_accounts.c.name != name).limit(1)).one_or_none()
    return _build_account(row) if row else None


def find_by_id(db: Transaction, account_id: int) -> StaffAccount | None:
    """The login with this id."""
    row = db.execute(select(staff_accounts).where(staff_accounts.c.id == account_id)).one_or_none()
    return _build_account(row) if row else None


def list_all(db: Transaction) -> Sequence[StaffAccount]:
    """All logins, by name."""
    return [_build_account(row) for row in db.execute(select(staff_accounts).order_by(staff_accounts.c.name))]


def is_empty(db: Transaction) -> bool:
    """Whether nobody can log in so far."""
    return db.execute(select(func.count()).select_from(staff_accounts)).scalar_one() == 0


def add(db: Transaction, name: str, password_hash: str, role: str, staff: str | None) -> int:
    """A new login's id; raises `sqlalchemy.exc.IntegrityError` if the name is taken."""
    row = {"name": name, "password_hash": password_hash, "role": role, "staff": staff}
    return int(db.execute(insert(staff_accounts).values(row).returning(staff_accounts.c.id)).scalar_one())


def set_password(db: Transaction, account_id: int, password_hash: str) -> None:
    """Another password; every session ends, and so does a lock (that of a closed login does not)."""
    until = case((staff_accounts.c.locked_until >= LOCKED_FOREVER, staff_accounts.c.locked_until), else_=None)
    _update_account(
        db, account_id, password_hash=password_hash, failures=0, locked_until=until, epoch=staff_accounts.c.epoch + 1
    )


def set_role(db: Transaction, account_id: int, role: str, staff: str | None) -> None:
    """What this person may, and who it is in the district file."""
    _update_account(db, account_id, role=role, staff=staff)


def set_language(db: Transaction, account_id: int, language: str) -> None:
    """The language of the pages."""
    _update_account(db, account_id, language=language)


def set_second_factor(
    db: Transaction, account_id: int, encrypted_secret: str, recovery_hashes: Sequence[str], step: int, at: datetime
) -> None:
    """The second factor, in place of any before; `step` is that of the code which proved it."""
    _update_account(
        db,
        account_id,
        sealed_secret=encrypted_secret,
        recovery="\n".join(recovery_hashes),
        last_step=step,
        secret_since=at,
    )


def remove_second_factor(db: Transaction, account_id: int) -> None:
    """No second factor any more, and every session ends."""
    values = {"sealed_secret": None, "secret_since": None, "recovery": "", "last_step": 0}
    _update_account(db, account_id, **values, epoch=staff_accounts.c.epoch + 1)


def use_totp_step(db: Transaction, account_id: int, step: int) -> bool:
    """Whether the code of this step is used for the first time, and no later one was."""
    key = (staff_accounts.c.id == account_id) & (staff_accounts.c.last_step < step)
    return db.execute(update(staff_accounts).where(key).values(last_step=step)).rowcount == 1


def use_recovery_code(db: Transaction, account: StaffAccount, digest: str) -> bool:
    """Whether this is one of the recovery codes that are left; it is used with that."""
    left = [one for one in account.recovery if one != digest]
    key = (staff_accounts.c.id == account.id) & (staff_accounts.c.recovery == "\n".join(account.recovery))
    found = len(left) < len(account.recovery)
    return found and db.execute(update(staff_accounts).where(key).values(recovery="\n".join(left))).rowcount == 1


def count_attempt(db: Transaction, account_id: int, at: datetime) -> int | None:
    """How many tries are left after this one; None if it may not be made, because the login is locked.

    Counted as a failure before it is looked at, so that a hundred tries at once are five; `give_back` mends it.
    """
    free = (staff_accounts.c.id == account_id) & (
        staff_accounts.c.locked_until.is_(None) | (staff_accounts.c.locked_until <= at)
    )
    counted = {"failures": staff_accounts.c.failures + 1, "locked_until": None}
    found = db.execute(update(staff_accounts).where(free).values(counted).returning(staff_accounts.c.failures)).scalar()
    failures = None if found is None else int(found)
    if failures is None:
        return None
    if failures % ATTEMPTS_BEFORE_LOCK == 0:
        _update_account(db, account_id, locked_until=at + get_lock_duration(failures))
    return -failures % ATTEMPTS_BEFORE_LOCK


def get_lock_duration(failures: int) -> timedelta:
    """How long a login is locked after so many wrong tries (a multiple of `TRIES`): each time twice as long."""
    times: int = 2 ** min(failures // ATTEMPTS_BEFORE_LOCK - 1, 16)
    return min(FIRST_LOCK_DURATION * times, MAX_LOCK_DURATION)


def undo_attempt(db: Transaction, account_id: int, clear_all: bool) -> None:
    """This try was right: it does not count, nor (`whole`: nothing else is to be proved) do those before it."""
    failures = 0 if clear_all else case((staff_accounts.c.failures > 0, staff_accounts.c.failures - 1), else_=0)
    _update_account(db, account_id, failures=failures, locked_until=None)


def unlock(db: Transaction, account_id: int) -> None:
    """Open a locked or closed login."""
    _update_account(db, account_id, failures=0, locked_until=None)


def close(db: Transaction, account_id: int) -> None:
    """Nobody logs in with it any more; every session ends."""
    _update_account(db, account_id, locked_until=LOCKED_FOREVER, epoch=staff_accounts.c.epoch + 1)


def end_sessions(db: Transaction, account_id: int) -> None:
    """Every session of this login ends."""
    _update_account(db, account_id, epoch=staff_accounts.c.epoch + 1)


def _update_account(db: Transaction, account_id: int, **values: Any) -> None:
    db.execute(update(staff_accounts).where(staff_accounts.c.id == account_id).values(values))


def _build_account(row: Row[Any]) -> StaffAccount:
    return StaffAccount(
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
