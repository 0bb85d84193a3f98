"""Stored data: encrypted for its place, found by a keyed hash, changed by one process at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bot.base.encryption import DecryptionError, Vault
from bot.runtime import Runtime
from bot.store.families.conversations import CONVERSATION_LOCK_MS, Conversation, ConversationStore
from tests.conftest import Family
from tests.databases import kept_on_disk

OLD, NEW = "o" * 32, "n" * 32


@given(words=st.text(), place=st.text(max_size=20))
def test_encrypted_value_decrypts_only_in_its_place(words: str, place: str) -> None:
    vault = Vault([OLD])
    sealed = vault.encrypt(words, place)
    assert vault.decrypt(sealed, place) == words
    with pytest.raises(DecryptionError):
        vault.decrypt(sealed, place + "x")
    with pytest.raises(DecryptionError):
        Vault([NEW]).decrypt(sealed, place)


def test_newer_key_keeps_old_records_readable_and_findable() -> None:
    before, after = Vault([OLD]), Vault([NEW, OLD])
    assert after.decrypt(before.encrypt("hello", "a"), "a") == "hello"
    assert before.compute_lookup_hash("+1555") == after.compute_lookup_hash("+1555")


@given(sealed=st.text(max_size=80))
def test_garbage_raises_decryption_error(sealed: str) -> None:
    with pytest.raises(DecryptionError):
        Vault([OLD]).decrypt(sealed, "a")


def test_only_the_lock_owner_saves(clean_redis: Redis) -> None:
    talks = ConversationStore(clean_redis, Vault([OLD]))
    assert talks.acquire("f", "SM1", "first").outcome == "go"
    assert talks.acquire("f", "SM2", "second").outcome == "busy"
    clean_redis.delete("puente:lock:f")  # simulates its expiry
    assert talks.acquire("f", "SM2", "second").outcome == "go"
    assert not talks.save_and_release("f", "SM1", "first", Conversation(noticed=["late"]), "late")
    assert talks.save_and_release("f", "SM2", "second", Conversation(noticed=["mine"]), "mine")
    assert talks.acquire("f", "SM2", "third").reply == "mine"
    assert talks.acquire("f", "SM3", "third").conversation.noticed == ["mine"]


def test_lock_of_dead_owner_expires(clean_redis: Redis) -> None:
    talks = ConversationStore(clean_redis, Vault([OLD]))
    talks.acquire("f", "SM1", "killed")
    assert 0 < clean_redis.pttl("puente:lock:f") <= CONVERSATION_LOCK_MS < 15_000


def test_scripts_work_after_script_flush_and_reconnect(clean_redis: Redis, redis_url: str) -> None:
    client = Redis.from_url(redis_url, retry=Retry(NoBackoff(), 1))  # as in bot.runtime
    talks = ConversationStore(client, Vault([OLD]))
    assert talks.acquire("f", "SM1", "first").outcome == "go"
    clean_redis.script_flush()
    assert talks.save_and_release("f", "SM1", "first", Conversation(), "hello")
    clean_redis.client_kill_filter(_type="normal", skipme=True)
    assert talks.acquire("f", "SM1", "second").reply == "hello"
    client.close()


def test_redis_and_database_contain_no_personal_plain_text(family: Family, runtime: Runtime) -> None:
    family.text("I want to talk to a person")
    family.text("my name is Rosalinda Quispe, call me at 217 555 0133")
    found = b"".join(clean.dump(key) or b"" for clean in [runtime.redis] for key in clean.scan_iter())
    stored = found + kept_on_disk(runtime.database, runtime.settings.var_dir)
    assert b"talk_to_human" in stored, "it is the right database"
    for secret in (b"Rosalinda", b"5550177", b"555 0133"):
        assert secret not in stored
