"""Settings: an invalid value stops the start with a clear message; production has no unsafe defaults."""

from pathlib import Path

import pytest

from bot.base.settings import Settings, SettingsError, load_settings


def test_development_creates_its_keys_once(tmp_path: Path) -> None:
    first, second = load_settings(var_dir=tmp_path), load_settings(var_dir=tmp_path)
    assert first.data_key == second.data_key and len(first.secret_key) == 64
    assert (tmp_path / "keys.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"port": 99999}, "PORT"),
        ({"twilio_account_sid": "AC1"}, "TWILIO_ACCOUNT_SID"),
        ({"twilio_account_sid": "AC" + "1" * 32}, "TWILIO_AUTH_TOKEN"),
        ({"twilio_sms_from": "555"}, None),
        ({"twilio_whatsapp_from": "whatsapp:555"}, "TWILIO_WHATSAPP_FROM"),
        ({"translator": "deepl"}, "TRANSLATOR"),
        ({"environment": "production"}, "SECRET_KEY"),
        ({"environment": "production"}, "PUBLIC_URL"),
    ],
)
def test_invalid_value_is_reported_by_name(tmp_path: Path, given: dict[str, object], says: str | None) -> None:
    if says is None:
        assert load_settings(var_dir=tmp_path, **given).twilio_sms_from == "555"
        return
    with pytest.raises(SettingsError, match=says):
        load_settings(var_dir=tmp_path, **given)


def test_unknown_name_in_env_file_is_reported(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("TWILIO_ACOUNT_SID=AC1\n")
    with pytest.raises(ValueError, match="(?i)twilio_acount_sid"):
        Settings(_env_file=file)  # type: ignore[call-arg]
