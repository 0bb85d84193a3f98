"""Accounts: who may log in to the console, with which role, and with which proofs.

An account is closed, never deleted, so that nobody else gets its name. Passwords are stored as Argon2 hashes, the
secret of the second factor is encrypted, and recovery codes are stored as keyed hashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sqlalchemy import Column, Integer, String, Table, Text, case, func, insert, select, update
from sqlalchemy.engine import Row

from bot.base.database import Transaction, UtcDateTime, metadata

staff_accounts = Table(
    "staff_accounts",
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
"""Five failed attempts lock an account for 15 minutes, the next five for 30 minutes, and so on up to four hours.

This allows about 30 guesses a day. The lock is not longer, because anyone who knows a name can lock the account.
An administrator can unlock it (`docs/security.md`).
"""
LOCKED_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
"""An account that is locked until this date is closed. Only an administrator can reopen it."""


@dataclass(frozen=True)
class StaffAccount:
    """A person who may log in to the console.

    `staff` is the person's key in `district.yaml`. A higher `epoch` ends all sessions that started before.
    """

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
        """Whether an administrator closed the account."""
        return self.locked_until is not None and self.locked_until >= LOCKED_FOREVER

    def is_locked_at(self, now: datetime) -> bool:
        """Return whether the account is locked or closed at this time."""
        return self.locked_until is not None and self.locked_until > now

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """Build an account from a row of the table."""
        return cls(
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


def find_by_name(db: Transaction, name: str) -> StaffAccount | None:
    """Return the account with this name, in any capitalization. An exact match comes first."""
    is_same_name = func.lower(staff_accounts.c.name) == name.lower()
    query = select(staff_accounts).where(is_same_name).order_by(staff_accounts.c.name != name).limit(1)
    row = db.execute(query).one_or_none()
    return StaffAccount.from_row(row) if row else None


def find_by_id(db: Transaction, account_id: int) -> StaffAccount | None:
    """Return the account with this id."""
    row = db.execute(select(staff_accounts).where(staff_accounts.c.id == account_id)).one_or_none()
    return StaffAccount.from_row(row) if row else None


def list_all(db: Transaction) -> Sequence[StaffAccount]:
    """Return all accounts, ordered by name."""
    return [StaffAccount.from_row(row) for row in db.execute(select(staff_accounts).order_by(staff_accounts.c.name))]


def is_empty(db: Transaction) -> bool:
    """Return whether there are no accounts yet."""
    return db.execute(select(func.count()).select_from(staff_accounts)).scalar_one() == 0


def add(db: Transaction, name: str, password_hash: str, role: str, staff: str | None) -> int:
    """Add an account and return its id.

    Raises:
        sqlalchemy.exc.IntegrityError: The name is taken.
    """
    row = {"name": name, "password_hash": password_hash, "role": role, "staff": staff}
    return int(db.execute(insert(staff_accounts).values(row).returning(staff_accounts.c.id)).scalar_one())


def set_password(db: Transaction, account_id: int, password_hash: str) -> None:
    """Change the password, end every session, and unlock the account. A closed account stays closed."""
    account = staff_accounts.c
    locked_until = case((account.locked_until >= LOCKED_FOREVER, account.locked_until), else_=None)
    values = {"password_hash": password_hash, "failures": 0, "locked_until": locked_until, "epoch": account.epoch + 1}
    _update_account(db, account_id, **values)


def set_role(db: Transaction, account_id: int, role: str, staff: str | None) -> None:
    """Set the role, and the staff member of the district file who owns the account."""
    _update_account(db, account_id, role=role, staff=staff)


def set_language(db: Transaction, account_id: int, language: str) -> None:
    """Set the language of the console."""
    _update_account(db, account_id, language=language)


def set_second_factor(
    db: Transaction, account_id: int, encrypted_secret: str, recovery_hashes: Sequence[str], step: int, now: datetime
) -> None:
    """Set or replace the second factor. `step` is the TOTP time step of the code that proved it (RFC 6238)."""
    _update_account(
        db,
        account_id,
        sealed_secret=encrypted_secret,
        recovery="\n".join(recovery_hashes),
        last_step=step,
        secret_since=now,
    )


def remove_second_factor(db: Transaction, account_id: int) -> None:
    """Remove the second factor and end every session."""
    values = {"sealed_secret": None, "secret_since": None, "recovery": "", "last_step": 0}
    _update_account(db, account_id, **values, epoch=staff_accounts.c.epoch + 1)


def use_totp_step(db: Transaction, account_id: int, step: int) -> bool:
    """Use the code of this time step. Return False if this or a later step was used before."""
    key = (staff_accounts.c.id == account_id) & (staff_accounts.c.last_step < step)
    return db.execute(update(staff_accounts).where(key).values(last_step=step)).rowcount == 1


def use_recovery_code(db: Transaction, account: StaffAccount, digest: str) -> bool:
    """Use a recovery code. Return False if it isn't one of the unused codes."""
    if digest not in account.recovery:
        return False
    unused = [code_hash for code_hash in account.recovery if code_hash != digest]
    key = (staff_accounts.c.id == account.id) & (staff_accounts.c.recovery == "\n".join(account.recovery))
    return db.execute(update(staff_accounts).where(key).values(recovery="\n".join(unused))).rowcount == 1


def count_attempt(db: Transaction, account_id: int, now: datetime) -> int | None:
    """Count a login attempt and return how many are left, or None if the account is locked.

    The attempt counts as a failure before it is checked, so that 100 attempts at once are limited to five.
    If the attempt succeeds, call `undo_attempt`.
    """
    account = staff_accounts.c
    is_unlocked = (account.id == account_id) & (account.locked_until.is_(None) | (account.locked_until <= now))
    values = {"failures": account.failures + 1, "locked_until": None}
    statement = update(staff_accounts).where(is_unlocked).values(values).returning(account.failures)
    failures: int | None = db.execute(statement).scalar()
    if failures is None:
        return None
    if failures % ATTEMPTS_BEFORE_LOCK == 0:
        _update_account(db, account_id, locked_until=now + get_lock_duration(failures))
    return -failures % ATTEMPTS_BEFORE_LOCK


def get_lock_duration(failures: int) -> timedelta:
    """Return how long this many failures lock an account. Each lock is twice as long as the one before."""
    factor: int = 2 ** min(failures // ATTEMPTS_BEFORE_LOCK - 1, 16)
    return min(FIRST_LOCK_DURATION * factor, MAX_LOCK_DURATION)


def undo_attempt(db: Transaction, account_id: int, clear_all: bool) -> None:
    """Take back the failure of a successful attempt. If the login is complete (`clear_all`), clear all failures."""
    one_less = case((staff_accounts.c.failures > 0, staff_accounts.c.failures - 1), else_=0)
    _update_account(db, account_id, failures=0 if clear_all else one_less, locked_until=None)


def unlock(db: Transaction, account_id: int) -> None:
    """Unlock a locked account or reopen a closed one."""
    _update_account(db, account_id, failures=0, locked_until=None)


def close(db: Transaction, account_id: int) -> None:
    """Close the account and end every session."""
    _update_account(db, account_id, locked_until=LOCKED_FOREVER, epoch=staff_accounts.c.epoch + 1)


def end_sessions(db: Transaction, account_id: int) -> None:
    """End every session of this account."""
    _update_account(db, account_id, epoch=staff_accounts.c.epoch + 1)


def _update_account(db: Transaction, account_id: int, **values: Any) -> None:
    db.execute(update(staff_accounts).where(staff_accounts.c.id == account_id).values(values))
