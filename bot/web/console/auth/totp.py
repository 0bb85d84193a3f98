"""The second factor: codes of an app on the phone (TOTP, RFC 6238), and recovery codes for when the phone is lost."""

import secrets
from base64 import b32encode
from datetime import datetime

import pyotp
import segno
from markupsafe import Markup
from pyotp.utils import strings_equal

from bot.base.database import Transaction
from bot.store import permanent_hashes

RECOVERY_CODE_COUNT = 10


def generate_secret() -> str:
    """A secret for the phone and for us."""
    return pyotp.random_base32()


def find_time_step(secret: str, code: str, at: datetime) -> int | None:
    """The half minute that this code belongs to: this one, or the one before or after, because clocks differ."""
    totp = pyotp.TOTP(secret)
    runtime = totp.timecode(at)
    fitting = [
        step
        for step in (runtime - 1, runtime, runtime + 1)
        if strings_equal(totp.generate_otp(step), normalize_code(code))
    ]
    return fitting[-1] if fitting else None


def draw_qr_code(secret: str, name: str, district: str) -> Markup:
    """The QR code that the phone's app reads, as SVG that stands in the page: no other address sees the secret."""
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"Puente {district}")
    drawn = segno.make(uri, error="m").svg_inline(scale=5, light="#fff", svgclass=None, lineclass=None)
    return Markup(drawn)  # noqa: S704  # made by segno; the text in it is drawn, not written


def generate_recovery_codes() -> list[str]:
    """Recovery codes of sixty bits, in groups that can be read from paper."""
    return [
        "-".join(_generate_code_group() for _group_number in range(3)) for _code_number in range(RECOVERY_CODE_COUNT)
    ]


def hash_recovery_code(db: Transaction, login_id: int, code: str) -> str:
    """What is kept of a recovery code: a keyed hash, so that the database alone gives none away."""
    return permanent_hashes.compute_hash(db, f"recovery:{login_id}:{normalize_code(code)}")


def normalize_code(code: str) -> str:
    """A code as typed, without what people add to it."""
    return "".join(code.split()).replace("-", "").upper()


def _generate_code_group() -> str:
    return b32encode(secrets.token_bytes(5)).decode()[:4]
