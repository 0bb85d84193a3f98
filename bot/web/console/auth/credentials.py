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
from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.store import audit_log
from bot.store.staff import staff_accounts
from bot.store.staff.staff_accounts import TRIES, Login
from bot.web.console.auth import totp
from bot.web.core.current_runtime import services

HASHER = PasswordHasher()
NOBODY = HASHER.hash("nobody has this password")
"""Compared for unknown names, so that the time taken does not tell which names exist."""
REMEMBERED = timedelta(days=1)
"""How long wrong tries with an unknown name are counted."""


@dataclass(frozen=True)
class Tried:
    """Whose proof it was, if it was right; `minutes`: so long there are no more tries."""

    login: Login | None
    minutes: int = 0

    @property
    def locked(self) -> bool:
        """Whether there are no more tries for now."""
        return self.minutes > 0


def hashed(given: str) -> str:
    """What is kept of a password."""
    return HASHER.hash(given)


def password(name: str, given: str) -> Tried:
    """Whether this is the password of that login."""
    here = services()
    with here.database.write() as db:
        found = staff_accounts.by_name(db, name)
        left = staff_accounts.count_try(db, found.id if found else 0, now())
    hidden = found is None or found.closed
    unknown = _count_unknown(name if hidden else "")  # in any case: it takes its time
    fits = _fits(found.password_hash if found else NOBODY, given)
    if found is None or hidden:
        return Tried(None, unknown)
    if left is None or not fits:
        return _failed(found, left)
    with here.database.write() as db:
        staff_accounts.give_back(db, found.id, whole=found.sealed_secret is None)
    return Tried(found)


def code(login: Login, given: str) -> Tried:
    """Whether this is a code of the login's phone, or one of its recovery codes; each is good once."""
    with services().database.write() as db:
        left = staff_accounts.count_try(db, login.id, now())
        fits = left is not None and _uses(db, login, given)
        if fits:
            staff_accounts.give_back(db, login.id, whole=True)
    return Tried(login) if fits else _failed(login, left)


def secret_of(login: Login) -> str:
    """The second factor's secret; raises `Unreadable` if `DATA_KEY` lost its key."""
    return services().database.vault.open(login.sealed_secret or "", place(login.id))


def place(login_id: int) -> str:
    """Where a secret is sealed for."""
    return f"login:secret:{login_id}"


def _uses(db: Connection, login: Login, given: str) -> bool:
    step = totp.step_of(secret_of(login), given, now())
    if step is not None:
        return staff_accounts.use_step(db, login.id, step)
    if not staff_accounts.use_recovery(db, login, totp.digest(db, services().database.vault, login.id, given)):
        return False
    audit_log.record(db, login.name, "recovery code used", f"login {login.id}", now())
    return True


def _failed(login: Login, left: int | None) -> Tried:
    if left:
        return Tried(None)
    with services().database.write() as db:
        if left == 0:
            audit_log.record(db, "unknown", "login locked", f"login {login.id}", now(), "too many wrong tries")
        locked = staff_accounts.by_id(db, login.id)
    until = locked.locked_until if locked and locked.locked_until else now()
    return Tried(None, _minutes(until - now()))


def _minutes(left: timedelta) -> int:
    return max(1, ceil(left.total_seconds() / 60))


def _fits(password_hash: str, given: str) -> bool:
    try:
        return HASHER.verify(password_hash, given)
    except Argon2Error:
        return False


def _count_unknown(name: str) -> int:
    """For how many minutes a name that nobody has is locked.  Where Redis is away it is never locked."""
    here = services()
    key = f"login:tries:{here.database.vault.index(f'login:{name.lower()}')}"
    try:
        left = int(here.redis.ttl(f"{key}:locked"))
        if left > 0:
            return _minutes(timedelta(seconds=left))
        tries = int(here.redis.incr(key))
        here.redis.expire(key, REMEMBERED, nx=True)
        if tries % TRIES:
            return 0
        here.redis.set(f"{key}:locked", b"1", ex=staff_accounts.lock_after(tries))
    except RedisError:
        return 0
    return _minutes(staff_accounts.lock_after(tries))
