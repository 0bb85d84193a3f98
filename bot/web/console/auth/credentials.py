"""What somebody proves who they are with: a password, then a code.  Five wrong tries lock a login for 15 minutes,
the next five for twice as long, to four hours at most.

Names that nobody has are answered alike, in the same time, and locked alike: the answer does not tell which exist.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from redis import RedisError

from bot.base.database import Transaction, now
from bot.store import audit_log
from bot.store.staff import staff_accounts
from bot.store.staff.staff_accounts import ATTEMPTS_BEFORE_LOCK, StaffAccount
from bot.web.console.auth import totp
from bot.web.core.current_runtime import get_runtime

PASSWORD_HASHER = PasswordHasher()
DUMMY_PASSWORD_HASH = PASSWORD_HASHER.hash("nobody has this password")
"""Compared for unknown names, so that the time taken does not tell which names exist."""
UNKNOWN_NAME_TRY_PERIOD = timedelta(days=1)
"""How long wrong tries with an unknown name are counted."""


@dataclass(frozen=True)
class LoginAttempt:
    """Whose proof it was, if it was right; `minutes`: so long there are no more tries."""

    account: StaffAccount | None
    minutes: int = 0

    @property
    def locked(self) -> bool:
        """Whether there are no more tries for now."""
        return self.minutes > 0


def hash_password(given: str) -> str:
    """What is kept of a password."""
    return PASSWORD_HASHER.hash(given)


def check_password(name: str, given: str) -> LoginAttempt:
    """Whether this is the password of that login."""
    runtime = get_runtime()
    with runtime.database.write() as db:
        found = staff_accounts.find_by_name(db, name)
        left = staff_accounts.count_attempt(db, found.id if found else 0, now())
    hidden = found is None or found.is_closed
    unknown = _count_unknown_name_try(name if hidden else "")  # in any case: it takes its time
    fits = _is_password_correct(found.password_hash if found else DUMMY_PASSWORD_HASH, given)
    if found is None or hidden:
        return LoginAttempt(None, unknown)
    if left is None or not fits:
        return _record_failure(found, left)
    with runtime.database.write() as db:
        staff_accounts.undo_attempt(db, found.id, clear_all=found.sealed_secret is None)
    return LoginAttempt(found)


def check_code(login: StaffAccount, given: str) -> LoginAttempt:
    """Whether this is a code of the login's phone, or one of its recovery codes; each is good once."""
    with get_runtime().database.write() as db:
        left = staff_accounts.count_attempt(db, login.id, now())
        fits = left is not None and _use_code(db, login, given)
        if fits:
            staff_accounts.undo_attempt(db, login.id, clear_all=True)
    return LoginAttempt(login) if fits else _record_failure(login, left)


def get_totp_secret(login: StaffAccount) -> str:
    """The second factor's secret; raises `Unreadable` if `DATA_KEY` lost its key."""
    return get_runtime().database.vault.decrypt(login.sealed_secret or "", build_secret_context(login.id))


def build_secret_context(login_id: int) -> str:
    """Where a secret is sealed for."""
    return f"login:secret:{login_id}"


def _use_code(db: Transaction, login: StaffAccount, given: str) -> bool:
    step = totp.find_time_step(get_totp_secret(login), given, now())
    if step is not None:
        return staff_accounts.use_totp_step(db, login.id, step)
    if not staff_accounts.use_recovery_code(db, login, totp.hash_recovery_code(db, login.id, given)):
        return False
    audit_log.record(db, login.name, "recovery code used", f"login {login.id}", now())
    return True


def _record_failure(login: StaffAccount, tries_left: int | None) -> LoginAttempt:
    if tries_left:
        return LoginAttempt(None)
    with get_runtime().database.write() as db:
        if tries_left == 0:
            audit_log.record(db, "unknown", "login locked", f"login {login.id}", now(), "too many wrong tries")
        locked = staff_accounts.find_by_id(db, login.id)
    until = locked.locked_until if locked and locked.locked_until else now()
    return LoginAttempt(None, _round_up_minutes(until - now()))


def _round_up_minutes(time_left: timedelta) -> int:
    return max(1, ceil(time_left.total_seconds() / 60))


def _is_password_correct(password_hash: str, given: str) -> bool:
    try:
        return PASSWORD_HASHER.verify(password_hash, given)
    except Argon2Error:
        return False


def _count_unknown_name_try(name: str) -> int:
    """For how many minutes a name that nobody has is locked.  Where Redis is away it is never locked."""
    runtime = get_runtime()
    key = f"login:tries:{runtime.database.vault.compute_lookup_hash(f'login:{name.lower()}')}"
    try:
        left = int(runtime.redis.ttl(f"{key}:locked"))
        if left > 0:
            return _round_up_minutes(timedelta(seconds=left))
        tries = int(runtime.redis.incr(key))
        runtime.redis.expire(key, UNKNOWN_NAME_TRY_PERIOD, nx=True)
        if tries % ATTEMPTS_BEFORE_LOCK:
            return 0
        runtime.redis.set(f"{key}:locked", b"1", ex=staff_accounts.get_lock_duration(tries))
    except RedisError:
        return 0
    return _round_up_minutes(staff_accounts.get_lock_duration(tries))
