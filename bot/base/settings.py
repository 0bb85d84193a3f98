"""Read the settings once from the environment (and `.env` in development), check them, and freeze them."""

import json
import os
import secrets
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, which contains the flows, the messages, and the example district."""

DEVELOPMENT_REDIS_URL = "redis://127.0.0.1:6379/0"
DEVELOPMENT_ACCOUNT_SID = "AC" + "0" * 32
"""The account ID in the simulator's webhooks when no Twilio account is set."""


class SettingsError(Exception):
    """The settings are not valid. The message has one sentence per setting, with the remedy."""


class Settings(BaseSettings):
    """Everything that a district sets. Call `load_settings` to read it."""

    model_config = SettingsConfigDict(
        env_file=None if os.environ.get("ENVIRONMENT") == "production" else ROOT / ".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
    )

    environment: Literal["development", "production"] = "development"
    port: int = Field(8000, ge=1, le=65535)
    redis_url: str = Field("", repr=False)
    database_url: str = Field("", repr=False)
    public_url: str = ""
    secret_key: str = Field("", repr=False)
    data_key: str = Field("", repr=False)
    district_file: Path = ROOT / "district.yaml"
    twilio_account_sid: str = Field("", pattern=r"^(AC[0-9a-fA-F]{32})?$")
    twilio_auth_token: str = Field("", repr=False)
    twilio_messaging_service_sid: str = Field("", pattern=r"^(MG[0-9a-fA-F]{32})?$")
    twilio_whatsapp_from: str = Field("", pattern=r"^((whatsapp:)?\+[1-9]\d{6,14})?$")
    twilio_sms_from: str = Field("", pattern=r"^(\+[1-9]\d{6,14}|\d{3,8})?$")
    twilio_api_base: str = Field("", pattern=r"^(https?://[^\s/]+/?)?$")
    translator: Literal["googletrans", "off"] = "googletrans"
    googletrans_base: str = Field("", pattern=r"^(https?://[^\s/]+/?)?$")
    transcriber: Literal["off", "http"] = "off"
    transcriber_url: str = Field("", pattern=r"^(https?://\S+)?$")
    transcriber_token: str = Field("", repr=False)
    encoder: str = ""
    """Empty for the encoder that Puente ships, `none`, a folder, or the address of an embeddings server
    (docs/understanding.md)."""
    metrics_token: str = Field("", repr=False, pattern=r"^(\S{16,})?$")
    trusted_proxies: int = Field(0, ge=0, le=5)
    oidc_issuer: str = Field("", pattern=r"^(https?://\S+)?$")
    oidc_client_id: str = ""
    oidc_client_secret: str = Field("", repr=False)
    var_dir: Path = ROOT / "var"

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        problems = [*self._find_twilio_problems(), *self._find_oidc_problems(), *self._find_transcriber_problems()]
        problems += [*self._find_address_problems(), *self._find_production_problems()]
        if problems:
            raise ValueError(" ".join(problems))
        return self

    def _find_twilio_problems(self) -> list[str]:
        if not self.twilio_account_sid:
            return []
        problems = []
        if not self.twilio_tokens:
            problems.append("TWILIO_ACCOUNT_SID is set but TWILIO_AUTH_TOKEN is not: set both or neither.")
        if not (self.twilio_messaging_service_sid or self.twilio_sms_from or self.twilio_whatsapp_from):
            problems.append(
                "A Twilio account needs a sender: set TWILIO_SMS_FROM, TWILIO_WHATSAPP_FROM,"
                " or TWILIO_MESSAGING_SERVICE_SID."
            )
        return problems

    def _find_address_problems(self) -> list[str]:
        """Check the addresses at the start, so that a wrong one does not fail with the first message."""
        from bot.base.database import build_driver_url
        from bot.base.redis_client import RedisFromUrl

        problems = []
        for name, parse in (("REDIS_URL", RedisFromUrl.from_url), ("DATABASE_URL", build_driver_url)):
            value = getattr(self, name.lower())
            if not value:
                continue
            try:
                parse(value)
            except ValueError as error:
                problems.append(f"{name} is not valid: {error}.")
        return problems

    def _find_oidc_problems(self) -> list[str]:
        values = (self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret)
        problems = []
        if any(values) and not all(values):
            problems.append("OIDC_ISSUER, OIDC_CLIENT_ID, and OIDC_CLIENT_SECRET belong together: set all or none.")
        if self.environment == "production" and self.oidc_issuer.startswith("http://"):
            problems.append("OIDC_ISSUER must be an https address in production.")
        return problems

    def _find_transcriber_problems(self) -> list[str]:
        """Require an address for families' voice notes. In production, it must use https or be on this machine."""
        parts = urlsplit(self.transcriber_url)
        if self.transcriber == "off":
            return []
        if not parts.hostname:
            return ["TRANSCRIBER is http but TRANSCRIBER_URL is not set: set the address, or set TRANSCRIBER to off."]
        is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if self.environment == "production" and parts.scheme != "https" and not is_local:
            return ["TRANSCRIBER_URL must be an https address in production, or an address of this machine."]
        return []

    def _find_production_problems(self) -> list[str]:
        """Refuse to start in production with a default key, an unsigned webhook, or the simulator."""
        if self.environment != "production":
            return []
        checks = {
            "SECRET_KEY": len(self.secret_key) >= 32,
            "DATA_KEY": bool(self.data_keys) and all(len(key) >= 32 for key in self.data_keys),
            "PUBLIC_URL": urlsplit(self.public_url).scheme == "https",
            "REDIS_URL": bool(self.redis_url),
            "DATABASE_URL": bool(self.database_url),
            "TWILIO_ACCOUNT_SID": bool(self.twilio_account_sid),
        }
        remedies = {
            "SECRET_KEY": "at least 32 random characters",
            "DATA_KEY": "one or more keys of at least 32 random characters, newest first, separated by commas",
            "PUBLIC_URL": "the https address at which Twilio reaches Puente",
            "REDIS_URL": "the address of a Redis or Valkey server",
            "DATABASE_URL": "the address of a PostgreSQL or SQLite database",
            "TWILIO_ACCOUNT_SID": "the Twilio account whose messages Puente answers, with TWILIO_AUTH_TOKEN",
        }
        return [f"Production needs {name}: {remedies[name]}." for name, is_valid in checks.items() if not is_valid]

    @property
    def data_keys(self) -> tuple[str, ...]:
        """The keys that encrypt stored values, newest first."""
        return tuple(key.strip() for key in self.data_key.split(",") if key.strip())

    @property
    def twilio_tokens(self) -> tuple[str, ...]:
        """The account's tokens. Puente accepts signatures with each of them and sends its requests with the first.

        Set two tokens while you rotate them. With only the new one, Puente would refuse every message with 403 until
        Twilio promotes the token, and Twilio does not retry after a 403.
        """
        return tuple(token.strip() for token in self.twilio_auth_token.split(",") if token.strip())

    @property
    def twilio_token(self) -> str:
        """The token for requests to Twilio."""
        return next(iter(self.twilio_tokens), "")

    @property
    def is_live(self) -> bool:
        """Whether Puente sends messages through Twilio. Otherwise they go to the simulator."""
        return bool(self.twilio_account_sid)

    @property
    def senders(self) -> tuple[str, ...]:
        """Our own addresses as Twilio writes them. Only Twilio knows the numbers of a Messaging Service."""
        whatsapp = self.twilio_whatsapp_from and f"whatsapp:{self.twilio_whatsapp_from.removeprefix('whatsapp:')}"
        return tuple(sender for sender in (self.twilio_sms_from, whatsapp) if sender)

    @property
    def is_oidc_enabled(self) -> bool:
        """Whether staff can log in with the district's OpenID Connect provider."""
        return bool(self.oidc_issuer)

    @property
    def is_simulator_enabled(self) -> bool:
        """Whether the simulator is available. It is a tool for development only."""
        return self.environment == "development"

    @property
    def account_sid(self) -> str:
        """The account ID that inbound webhooks must contain."""
        return self.twilio_account_sid or DEVELOPMENT_ACCOUNT_SID

    @property
    def public_base(self) -> str:
        """`PUBLIC_URL` without the slash at its end, or the local address in development."""
        return self.public_url.rstrip("/") or f"http://127.0.0.1:{self.port}"

    @property
    def signed_bases(self) -> tuple[str, ...]:
        """The addresses for which a webhook can be signed: `PUBLIC_URL`, and no other.

        If `PUBLIC_URL` is not set (development), both names of the local machine are valid.
        """
        if self.public_url:
            return (self.public_base,)
        return (self.public_base, f"http://localhost:{self.port}")


def load_settings(**overrides: object) -> Settings:
    """Read the settings of this process. In development, fill in local keys and addresses.

    Raises `SettingsError` with a sentence for each invalid or unknown value.
    """
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks each value itself
    except ValidationError as error:
        raise SettingsError(_format_errors(error)) from None
    if settings.environment == "production":
        return settings
    return _add_development_defaults(settings)


def _format_errors(error: ValidationError) -> str:
    lines = []
    for detail in error.errors():
        name = "_".join(str(part) for part in detail["loc"]).upper()
        if detail["type"] == "extra_forbidden":
            lines.append(f"{name} in .env is not a setting: see README.md for the names.")
        elif name:
            lines.append(f"{name} is not valid: {detail['msg']}.")
        else:
            lines.append(str(detail["msg"]).removeprefix("Value error, "))
    return "\n".join(lines)


def _add_development_defaults(settings: Settings) -> Settings:
    keys = load_development_keys(settings.var_dir)
    return settings.model_copy(
        update={
            "secret_key": settings.secret_key or keys["SECRET_KEY"],
            "data_key": settings.data_key or keys["DATA_KEY"],
            "twilio_auth_token": settings.twilio_auth_token or keys["TWILIO_AUTH_TOKEN"],
            "redis_url": settings.redis_url or DEVELOPMENT_REDIS_URL,
            "database_url": settings.database_url or f"sqlite:///{settings.var_dir / 'puente.db'}",
        }
    )


def load_development_keys(var_dir: Path) -> dict[str, str]:
    """Read the keys of this developer's machine. Create them once, in `var/keys.json`, readable only by the owner.

    If two processes start at once, the first one wins, since the complete file is linked into place.
    """
    path = var_dir / "keys.json"
    try:
        if not path.exists():
            _write_keys(path)
        keys: dict[str, str] = json.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{var_dir} cannot be written ({error.strerror}): make it writable.") from None
    return keys


def _write_keys(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary_path = path.with_name(f".keys.{os.getpid()}.{secrets.token_hex(4)}")
    names = ("SECRET_KEY", "DATA_KEY", "TWILIO_AUTH_TOKEN")
    temporary_path.touch(mode=0o600)
    temporary_path.write_text(json.dumps({name: secrets.token_hex(32) for name in names}))
    try:
        os.link(temporary_path, path)
    except FileExistsError:
        pass  # another process was first, so its keys are used
    finally:
        temporary_path.unlink()
