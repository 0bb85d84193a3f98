"""The check of passwords, TOTP codes, and recovery codes.

Five failed attempts lock an account for 15 minutes. The next five lock it for twice as long, up to 4 hours.
Unknown names get the same answer after the same time, and the same lock. So attackers can't learn which accounts exist.
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
DUMMY_PASSWORD_HASH = PASSWORD_HASHER.hash("not the password of any account")
"""Puente checks this hash for unknown names, so that the response time doesn't reveal which names exist."""
UNKNOWN_NAME_TRY_PERIOD = timedelta(days=1)
"""The period in which Puente counts failed attempts with an unknown name."""


@dataclass(frozen=True)
class LoginAttempt:
    """The result of a login attempt: the account if it succeeded, and for how many minutes the account is locked."""

    account: StaffAccount | None
    minutes: int = 0

    @property
    def locked(self) -> bool:
        """Whether further attempts are blocked for now."""
        return self.minutes > 0


def hash_password(password: str) -> str:
    """Return the Argon2 hash of a password."""
    return PASSWORD_HASHER.hash(password)


def check_password(name: str, password: str) -> LoginAttempt:
    """Check the password of an account, and count the attempt."""
    runtime = get_runtime()
    with runtime.database.write() as db:
        account = staff_accounts.find_by_name(db, name)
        tries_left = staff_accounts.count_attempt(db, account.id if account else 0, now())
    is_unknown = account is None or account.is_closed
    # Run both checks for every name, so that all attempts take the same time.
    lock_minutes = _count_unknown_name_try(name if is_unknown else "")
    is_correct = _is_password_correct(account.password_hash if account else DUMMY_PASSWORD_HASH, password)
    if account is None or is_unknown:
        return LoginAttempt(None, lock_minutes)
    if tries_left is None or not is_correct:
        return _record_failure(account, tries_left)
    with runtime.database.write() as db:
        staff_accounts.undo_attempt(db, account.id, clear_all=account.sealed_secret is None)
    return LoginAttempt(account)


def check_code(account: StaffAccount, code: str) -> LoginAttempt:
    """Check a TOTP code or a recovery code, and count the attempt. Each code works once."""
    with get_runtime().database.write() as db:
        tries_left = staff_accounts.count_attempt(db, account.id, now())
        is_correct = tries_left is not None and _use_code(db, account, code)
        if is_correct:
            staff_accounts.undo_attempt(db, account.id, clear_all=True)
    if not is_correct:
        return _record_failure(account, tries_left)
    return LoginAttempt(account)


def get_totp_secret(account: StaffAccount) -> str:
    """Return the secret of the second factor. Raises `DecryptionError` if `DATA_KEY` no longer contains its key."""
    return get_runtime().database.vault.decrypt(account.sealed_secret or "", build_secret_context(account.id))


def build_secret_context(account_id: int) -> str:
    """Return the encryption context of an account's secret."""
    return f"login:secret:{account_id}"


def _use_code(db: Transaction, account: StaffAccount, code: str) -> bool:
    step = totp.find_time_step(get_totp_secret(account), code, now())
    if step is not None:
        return staff_accounts.use_totp_step(db, account.id, step)
    if not staff_accounts.use_recovery_code(db, account, totp.hash_recovery_code(db, account.id, code)):
        return False
    audit_log.record(db, account.name, "recovery code used", f"login {account.id}", now())
    return True


def _record_failure(account: StaffAccount, tries_left: int | None) -> LoginAttempt:
    if tries_left:
        return LoginAttempt(None)
    with get_runtime().database.write() as db:
        if tries_left == 0:
            audit_log.record(db, "unknown", "login locked", f"login {account.id}", now(), "too many wrong tries")
        current = staff_accounts.find_by_id(db, account.id)
    locked_until = (current and current.locked_until) or now()
    return LoginAttempt(None, _round_up_minutes(locked_until - now()))


def _round_up_minutes(time_left: timedelta) -> int:
    return max(1, ceil(time_left.total_seconds() / 60))


def _is_password_correct(password_hash: str, password: str) -> bool:
    try:
        return PASSWORD_HASHER.verify(password_hash, password)
    except Argon2Error:
        return False


def _count_unknown_name_try(name: str) -> int:
    """Count an attempt with an unknown name. Return for how many minutes it is locked: 0 if Redis is down."""
    runtime = get_runtime()
    key = f"login:tries:{runtime.database.vault.compute_lookup_hash(f'login:{name.lower()}')}"
    try:
        seconds_left = int(runtime.redis.ttl(f"{key}:locked"))
        if seconds_left > 0:
            return _round_up_minutes(timedelta(seconds=seconds_left))
        tries = int(runtime.redis.incr(key))
        runtime.redis.expire(key, UNKNOWN_NAME_TRY_PERIOD, nx=True)
        if tries % ATTEMPTS_BEFORE_LOCK:
            return 0
        runtime.redis.set(f"{key}:locked", b"1", ex=staff_accounts.get_lock_duration(tries))
    except RedisError:
        return 0
    return _round_up_minutes(staff_accounts.get_lock_duration(tries))
