"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for a lost phone."""

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
    """Generate the secret that the app and Puente share."""
    return pyotp.random_base32()


def find_time_step(secret: str, code: str, current_time: datetime) -> int | None:
    """Return the 30-second step of the code: the current one, or one step earlier or later, because clocks differ."""
    totp, normalized = pyotp.TOTP(secret), normalize_code(code)
    current_step = totp.timecode(current_time)
    steps = (current_step - 1, current_step, current_step + 1)
    matching = [step for step in steps if strings_equal(totp.generate_otp(step), normalized)]
    return matching[-1] if matching else None


def draw_qr_code(secret: str, name: str, district: str) -> Markup:
    """Return the QR code for the app as inline SVG, so that the secret appears in no URL."""
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"Puente {district}")
    svg = segno.make(uri, error="m").svg_inline(scale=5, light="#fff", svgclass=None, lineclass=None)
    return Markup(svg)  # noqa: S704  # segno draws the text as shapes, so it contains no markup from the name


def generate_recovery_codes() -> list[str]:
    """Generate recovery codes of 60 bits, in groups that people can read from paper."""
    codes = []
    for _code_number in range(RECOVERY_CODE_COUNT):
        groups = [b32encode(secrets.token_bytes(5)).decode()[:4] for _group_number in range(3)]
        codes.append("-".join(groups))
    return codes


def hash_recovery_code(db: Transaction, account_id: int, code: str) -> str:
    """Return the keyed hash of a recovery code, so that the database alone doesn't reveal the code."""
    return permanent_hashes.compute_hash(db, f"recovery:{account_id}:{normalize_code(code)}")


def normalize_code(code: str) -> str:
    """Remove the spaces and hyphens from a typed code, and convert it to uppercase."""
    return "".join(code.split()).replace("-", "").upper()
