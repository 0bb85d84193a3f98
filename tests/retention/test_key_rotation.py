"""Each family's own key: what it encrypts, that erasure is final, and that a new DATA_KEY makes old backups
unreadable.
"""

import os
import sqlite3
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import LargeBinary, select, update

from bot import jobs
from bot.base.database import Database, metadata, now
from bot.base.encryption import FAMILY_KEY_MARKER, DecryptionError, Vault
from bot.base.settings import ROOT
from bot.messaging import erasure
from bot.monitoring.snapshot import WEB_LAST_SEEN_KEY
from bot.retention import key_rotation as command
from bot.runtime import Runtime
from bot.store import permanent_hashes
from bot.store.cases import cases
from bot.store.families import contacts, record_keys
from bot.store.lifecycle import reencrypt
from bot.web.app import check_keys, create_app
from tests.conftest import Family
from tests.store.reading import newest_cases

NEW = "the key of the next quarter long enough to be one"
NUMBERS = ("whatsapp:+12175550177", "whatsapp:+12175550178")


@pytest.fixture
def two_families(new_family: Callable[[str], Family]) -> list[Family]:
    """Two families that have written, each with a case."""
    families = [new_family(number) for number in NUMBERS]
    for one in families:
        one.text("english")
        one.text("I want to talk to a person, my landlord is Mr Quill")
        one.text("he comes on Friday")
    return families


def list_encrypted_values(runtime: Runtime) -> dict[str, list[bytes]]:
    """Return every encrypted value, by table and column."""
    found: dict[str, list[bytes]] = {}
    with runtime.database.read() as db:
        for place in reencrypt.ENCRYPTED_COLUMNS:
            values = [value for value in db.execute(select(place.column)).scalars() if value]
            binary = isinstance(place.column.type, LargeBinary)
            found[str(place.column)] = [value if binary else urlsafe_b64decode(value) for value in values]
    return found


def with_keys(runtime: Runtime, *keys: str) -> Runtime:
    given = runtime.settings.model_copy(update={"data_key": ",".join(keys)})
    given.__dict__.pop("data_keys", None)
    return replace(runtime, settings=given, database=Database(given.database_url, Vault(keys)))


def run(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr(command, "open_runtime", lambda given: runtime)
    done = CliRunner().invoke(command.keys, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_every_encrypted_column_is_registered() -> None:
    sealed = {
        str(column)
        for table in metadata.tables.values()
        for column in table.c
        if column.name.startswith(("sealed", "wrapped"))
    }
    assert sealed == {str(place.column) for place in reencrypt.ENCRYPTED_COLUMNS}


def test_family_data_decrypts_only_with_its_own_key(runtime: Runtime, two_families: list[Family]) -> None:
    found = list_encrypted_values(runtime)
    for column in ("cases.sealed_answers", "case_messages.sealed_original"):
        assert len(found[column]) >= 2 and all(one.startswith(FAMILY_KEY_MARKER) for one in found[column]), column
    assert len({one[:12] for one in found["cases.sealed_answers"]}) == 2, "each its own"
    with runtime.database.read() as db:
        row = db.execute(select(cases.cases)).first()
        assert row is not None
        place = cases.build_context(row.message_sid, row.n)
        with pytest.raises(DecryptionError):
            runtime.database.vault.decrypt(row.sealed_answers, place)
        with pytest.raises(DecryptionError):
            record_keys.get_decryptor(db).decrypt(row.sealed_answers, "case:answers:another")
        assert "Quill" in record_keys.get_decryptor(db).decrypt(row.sealed_answers, place)


def test_key_does_not_decrypt_in_another_family_row(runtime: Runtime, two_families: list[Family]) -> None:
    with runtime.database.write() as db:
        one, other = db.execute(select(record_keys.family_keys)).all()
        table = record_keys.family_keys
        db.execute(update(table).where(table.c.id == one.id).values(wrapped=other.wrapped))
    with runtime.database.read() as db, pytest.raises(DecryptionError):
        newest_cases(db, 10)


def test_erasure_destroys_the_key(runtime: Runtime, two_families: list[Family]) -> None:
    before = list_encrypted_values(runtime)["cases.sealed_answers"]
    assert erasure.erase_by_address(runtime, two_families[0].address, "ana_ruiz")
    with runtime.database.read() as db:
        opens = record_keys.get_decryptor(db)
        assert db.execute(select(record_keys.family_keys)).all()[1:] == []
        (lost,) = [one for one in before if one not in list_encrypted_values(runtime)["cases.sealed_answers"]]
        with pytest.raises(DecryptionError, match="destroyed"):
            opens.decrypt_bytes(lost, "case:answers:x:0")
        assert len(newest_cases(db, 10)) == 1, "the other's is there"


@pytest.mark.sqlite
def test_file_contains_neither_key_nor_number_after_erasure(runtime: Runtime, two_families: list[Family]) -> None:
    """Neither in pages that SQLite has freed nor in its log."""
    with runtime.database.read() as db:
        wrapped = {row.id: row.wrapped for row in db.execute(select(record_keys.family_keys))}
        sealed = {row.address_index: row.sealed_address for row in db.execute(select(contacts.contacts))}
    gone = runtime.database.vault.compute_lookup_hash(two_families[0].address)
    assert erasure.erase_by_address(runtime, two_families[0].address, "ana_ruiz")
    with runtime.database.read() as db:
        (left,) = db.execute(select(record_keys.family_keys.c.id)).scalars()
    file = Path(str(runtime.database.engine.url.database))
    data = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    assert wrapped.pop(left) in data, "the search finds what is there"
    (lost,) = wrapped.values()
    assert lost not in data and sealed[gone].encode() not in data


@pytest.mark.sqlite
def test_write_ahead_log_is_truncated_within_an_hour_despite_readers(
    runtime: Runtime, two_families: list[Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    with runtime.database.read() as db:
        wrapped = set(db.execute(select(record_keys.family_keys.c.wrapped)).scalars())
    file = Path(str(runtime.database.engine.url.database))
    reads = sqlite3.connect(file)
    reads.execute("BEGIN")
    reads.execute("SELECT * FROM family_keys").fetchall()
    began = time.monotonic()
    assert erasure.erase_by_address(runtime, two_families[0].address, "ana_ruiz") and time.monotonic() - began < 3
    (lost,) = wrapped - list_wrapped_keys(runtime)
    assert lost in read_database_files(file)
    reads.close()
    monkeypatch.setattr(jobs, "get_runtime", lambda: runtime)
    jobs.delete_expired_records()
    assert lost not in read_database_files(file)


def test_redis_file_drops_forgotten_data_within_an_hour(
    runtime: Runtime, two_families: list[Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only then is "the words of this conversation: 24 hours" true."""
    talk = runtime.redis.get(f"puente:talk:{runtime.compute_lookup_hash(two_families[0].address)}")
    assert isinstance(talk, bytes) and erasure.erase_by_address(runtime, two_families[0].address, "ana_ruiz")
    folder = Path(runtime.redis.config_get("dir")["dir"])  # type: ignore[index,arg-type]
    until(lambda: talk in read_aof_files(folder))
    monkeypatch.setattr(jobs, "get_runtime", lambda: runtime)
    until(lambda: not is_rewriting(runtime))  # another test shares this Redis, which runs one rewrite at a time
    jobs.delete_expired_records()
    until(lambda: talk not in read_aof_files(folder))


def is_rewriting(runtime: Runtime) -> bool:
    state = runtime.redis.info("persistence")
    return bool(state["aof_rewrite_in_progress"] or state["rdb_bgsave_in_progress"])


def read_aof_files(folder: Path) -> bytes:
    found = b""
    for path in sorted(folder.rglob("*.aof")):
        with suppress(FileNotFoundError):  # the old file disappears during the check
            found += path.read_bytes()
    return found


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def list_wrapped_keys(runtime: Runtime) -> set[bytes]:
    with runtime.database.read() as db:
        return set(db.execute(select(record_keys.family_keys.c.wrapped)).scalars())


def read_database_files(file: Path) -> bytes:
    """Return the database file with its log."""
    return b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))


def test_key_from_a_rolled_back_transaction_is_not_reused(runtime: Runtime, family: Family) -> None:
    family.text("hello")
    with runtime.database.write() as db:
        contact = contacts.find(db, family.address)
        assert contact is not None
        inner = db.begin_nested()
        record_keys.get_encryptor(db, contact.id).encrypt("lost", "a")
        inner.rollback()
        sealed = record_keys.get_encryptor(db, contact.id).encrypt("kept", "a")
    with runtime.database.read() as db:
        assert record_keys.get_decryptor(db).decrypt(sealed, "a") == "kept"


def test_old_data_is_readable_and_moves_to_its_own_key(
    runtime: Runtime, two_families: list[Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = runtime.database.vault
    with runtime.database.write() as db:  # as a version without family keys wrote it
        for row in db.execute(select(cases.cases)).all():
            sealed = old.encrypt('{"wrote": "of before"}', cases.build_context(row.message_sid, row.n))
            db.execute(update(cases.cases).where(cases.cases.c.id == row.id).values(sealed_answers=sealed))
    with runtime.database.read() as db:
        assert {one.answers["wrote"] for one in newest_cases(db, 10)} == {"of before"}
    assert "2 values must be encrypted again" in run(runtime, monkeypatch, "status")
    assert "encrypted again: 2" in run(runtime, monkeypatch, "rotate")
    assert "encrypted again: 0" in run(runtime, monkeypatch, "rotate")
    assert all(one.startswith(FAMILY_KEY_MARKER) for one in list_encrypted_values(runtime)["cases.sealed_answers"])
    with runtime.database.read() as db:
        assert {one.answers["wrote"] for one in newest_cases(db, 10)} == {"of before"}


def backup(runtime: Runtime, to: Path) -> str:
    """Make a backup with SQLite's own backup function, of a database in use."""
    source = sqlite3.connect(str(runtime.database.engine.url.database))
    target = sqlite3.connect(to)
    source.backup(target)
    source.close()
    target.close()
    return f"sqlite:///{to}"


@pytest.mark.sqlite
def test_old_backup_cannot_be_decrypted_after_rotation(
    runtime: Runtime, two_families: list[Family], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole procedure: backup · DELETE · DATA_KEY=new,old · rotate · reindex · DATA_KEY=new · restore the backup."""
    old = runtime.settings.data_keys[0]
    two_families[0].text("STOP")
    url = backup(runtime, tmp_path / "backup.db")
    assert erasure.erase_by_address(runtime, two_families[0].address, "ana_ruiz")
    assert "older backups still contain: 1\n" in run(runtime, monkeypatch, "status")
    both = with_keys(runtime, NEW, old)
    assert "encrypted again" in run(both, monkeypatch, "rotate")
    assert "hashed again: 1" in run(both, monkeypatch, "reindex")
    after = with_keys(runtime, NEW)
    status = run(after, monkeypatch, "status")
    assert "encrypted with older keys: 0\nencrypted with unknown keys: 0" in status and "still contain: 0\n" in status
    with after.database.read() as db:
        contact = contacts.find(db, two_families[1].address)
        assert contact is not None and [one.answers for one in cases.list_for_contact(db, contact.id)]
        kept = permanent_hashes.compute_hashes(db, [two_families[0].address])
        assert list(kept.values()) == list(
            db.execute(select(metadata.tables["consent_events"].c.address_index)).scalars()
        )
    restored = Database(url, after.database.vault)
    with restored.read() as db:
        assert len(db.execute(select(contacts.contacts)).all()) == 2, "the backup is whole"
        with pytest.raises(DecryptionError):
            newest_cases(db, 10)
        for row in db.execute(select(contacts.contacts)).all():
            with pytest.raises(DecryptionError):
                contacts.decrypt_address(restored.vault, row.sealed_address, row.address_index)
            hashes = {restored.vault.compute_lookup_hash(number) for number in NUMBERS}
            hashes |= set(permanent_hashes.compute_hashes(db, [])) | set(kept.values())
            assert row.address_index not in hashes, "nor can a number be tried out against it"
    restored.engine.dispose()


def test_reindex_is_refused_while_a_web_process_runs(
    runtime: Runtime, two_families: list[Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would treat every family as new, including opted-out ones."""
    both = with_keys(runtime, NEW, runtime.settings.data_keys[0])
    run(both, monkeypatch, "rotate")
    runtime.redis.set(WEB_LAST_SEEN_KEY, f"{now().timestamp() - 30:.0f}")
    refused = CliRunner().invoke(command.keys, ["reindex"])
    assert refused.exit_code == 1 and "web process" in refused.output
    runtime.redis.set(WEB_LAST_SEEN_KEY, f"{now().timestamp() - 90:.0f}")
    assert "hashed again: 2" in run(both, monkeypatch, "reindex")


def test_web_process_with_wrong_key_does_not_start(runtime: Runtime, two_families: list[Family]) -> None:
    from bot.base.settings import SettingsError

    with pytest.raises(SettingsError, match="DATA_KEY can't decrypt"):
        check_keys(create_app(runtime=with_keys(runtime, NEW)))
    check_keys(create_app(runtime=runtime))


@pytest.mark.long
def test_worker_and_command_with_wrong_key_do_not_start(runtime: Runtime, two_families: list[Family]) -> None:
    """Such an import would text opted-out families, and erasure would not find its family."""
    given = runtime.settings
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(given.var_dir), "TRANSLATOR": "off", "DATA_KEY": NEW}
    environment |= {"DATABASE_URL": given.database_url, "REDIS_URL": given.redis_url}
    for words in (
        ["worker.py"],
        ["-m", "bot", "erase", NUMBERS[0], "--yes"],
        ["-m", "bot", "roster", "import", "/dev/null"],
        ["-m", "bot", "after-restore"],
    ):
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "DATA_KEY can't decrypt" in done.stderr, (words, done.stderr)


def test_interrupted_rotation_resumes(
    runtime: Runtime, two_families: list[Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = with_keys(runtime, NEW, runtime.settings.data_keys[0])
    monkeypatch.setattr(reencrypt, "REENCRYPT_BATCH_SIZE", 1)
    steps = reencrypt.reencrypt_all(both.database)
    for _ in range(3):
        next(steps)
    steps.close()
    with both.database.read() as db:
        assert reencrypt.count_by_key(db).older > 0
        assert len(newest_cases(db, 10)) == 2
    run(both, monkeypatch, "rotate")
    with both.database.read() as db:
        assert reencrypt.count_by_key(db).older == 0
        assert len(newest_cases(db, 10)) == 2
