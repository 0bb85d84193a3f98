"""DELETE MY DATA and PRIVACY by text: in every language, with one confirmation, never by a guess."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from bot import jobs
from bot.base.database import metadata, now
from bot.base.text_normalization import NormalizedText
from bot.flows.commands import match_command
from bot.messaging import erasure, inbound_context
from bot.nlu import Phrasebook
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import cases, deliveries
from bot.store.community import community_leaders
from bot.store.community.community_leaders import CommunityLeader
from bot.store.families import contacts, families, record_keys
from bot.store.families.consent_events import consent_events
from bot.store.lifecycle import erasure as store_erasing
from bot.store.lifecycle import erasure_log
from tests.conftest import Family
from tests.nlu.conftest import files, lessons, phrasebook
from tests.store.reading import newest_cases
from tests.voice.test_incoming_calls import Phone

__all__ = ["files", "lessons", "phrasebook"]

ERASE = {
    "en": ["DELETE MY DATA", "please delete my data", "Erase my information!", "i want delete my data please"],
    "es": ["borren mis datos", "Quiero eliminar mis datos por favor", "BORRAR MI INFORMACION"],
    "pt": ["apagar meus dados", "Excluir meus dados, por favor"],
    "ht": ["efase done mwen", "tanpri efase enfòmasyon mwen yo"],
    "fr": ["Supprimez mes données svp", "effacer mes donnees"],
    "vi": ["xóa dữ liệu của tôi", "Hãy xóa thông tin của tôi"],
    "zh": ["删除我的数据", "请删除我的信息", "刪除我的資料"],
    "ar": ["احذفوا بياناتي", "من فضلك امسح معلوماتي"],
    "ru": ["удалите мои данные", "Пожалуйста, удалите мои данные!"],
    "uk": ["видаліть мої дані", "видалити мої дані будь ласка"],
    "ko": ["내 정보 삭제", "제 데이터를 삭제해 주세요"],
    "tl": ["burahin ang data ko", "Burahin ninyo ang data ko po", "tanggalin ang impormasyon ko po"],
    "fa": ["اطلاعات من را پاک کنید", "لطفا اطلاعاتم را حذف کنید"],
    "ps": ["زما معلومات پاک کړئ", "زما ډیټا حذف کړئ"],
    "so": ["xogtayda tirtir", "fadlan tirtir xogtayda"],
    "am": ["መረጃዬን ሰርዙ", "እባክዎ መረጃዬን ያጥፉ"],
}
PRIVACY = ["privacy", "mis datos", "privacidade", "done m yo", "confidentialité", "riêng tư", "隐私", "خصوصية"]
PRIVACY += ["мої дані", "мои данные", "내 정보", "data ko", "حریم خصوصی", "زما معلومات", "xogtayda", "መረጃዬ"]
NON_COMMANDS = [
    "delete",
    "erase",
    "borrar",
    "删除",
    "delete this number from the bus list",
    "forget it",
    "clear",
    "remove",
    "data",
]
NON_COMMANDS += ["my son's data plan is used up", "do not delete my data", "cancel my request", "no borren mis datos"]


@pytest.mark.parametrize(("language", "text"), [(lang, text) for lang, texts in ERASE.items() for text in texts])
def test_erase_command_is_understood(language: str, text: str, phrasebook: Phrasebook) -> None:
    command = match_command(NormalizedText(text), phrasebook)
    assert command is not None and command.kind == "erase", text


def test_every_language_has_both_commands(files: dict[str, object]) -> None:
    own = set(ERASE)
    assert {lang for lang, file in files.items() if file.commands.get("erase") and file.commands.get("privacy")} >= own  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", PRIVACY)
def test_privacy_command_is_understood(text: str, phrasebook: Phrasebook) -> None:
    command = match_command(NormalizedText(text), phrasebook)
    assert command is not None and command.kind == "privacy"


@pytest.mark.parametrize("text", NON_COMMANDS)
def test_other_words_erase_nothing(text: str, phrasebook: Phrasebook) -> None:
    command = match_command(NormalizedText(text), phrasebook)
    assert command is None or command.kind not in ("erase", "privacy")


def count_rows(runtime: Runtime, table: str) -> int:
    with runtime.database.read() as db:
        return int(db.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one())


def open_case(family: Family) -> None:
    family.text("english")
    family.text("I want to talk to a person, my landlord is Mr Quill")
    family.text("he comes on Friday")


def test_one_confirmation_erases_everything(runtime: Runtime, family: Family) -> None:
    open_case(family)
    asked = family.text("Please delete my data")
    assert "cannot be undone" in asked and "1. Yes, delete everything" in asked
    done = family.text("1")
    assert "Everything that was kept here about this number is deleted" in done
    for table in ("contacts", "families", "cases", "case_messages", "family_keys", "follow_ups", "sent_texts"):
        assert count_rows(runtime, table) == 0, table
    with runtime.database.read() as db:
        assert (
            erasure_log.count_since(db, runtime.library.district.to_local_time(audit_log.list_newest(db, 1)[0].at)) <= 1
        )
        whats = [entry.what for entry in audit_log.list_newest(db, 5)]
        assert "erased a family" in whats
    assert not list(runtime.redis.scan_iter("puente:talk:*")) and not list(runtime.redis.scan_iter("puente:window:*"))


def test_repeated_webhook_gets_same_reply_and_erases_no_new_data(runtime: Runtime, family: Family) -> None:
    open_case(family)
    family.text("delete my data")
    done = family.text("yes", MessageSid="SM" + "e" * 32)
    family.text("hello, I am new here")
    before = count_rows(runtime, "contacts")
    assert family.text("yes", MessageSid="SM" + "e" * 32) == done
    runtime.redis.flushall()  # and after Redis has lost everything
    assert count_rows(runtime, "contacts") == before == 1


def test_retry_after_kill_gets_the_same_reply(
    runtime: Runtime, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_case(family)
    family.text("delete my data")
    leave = type(runtime.conversations).save_and_release
    monkeypatch.setattr(type(runtime.conversations), "save_and_release", lambda *_args, **_kw: False)
    family.text("yes", MessageSid="SM" + "f" * 32)
    assert family.status == 503 and count_rows(runtime, "contacts") == 0
    monkeypatch.setattr(type(runtime.conversations), "save_and_release", leave)
    runtime.redis.delete(*runtime.redis.scan_iter("puente:lock:*"), "none")
    assert "is deleted" in family.text("yes", MessageSid="SM" + "f" * 32)
    assert count_rows(runtime, "contacts") == 0


@pytest.mark.parametrize("said", ["no", "2", "No, keep it", "do not delete everything", "yes but not yet", "delete?"])
def test_doubtful_answer_does_not_erase(runtime: Runtime, family: Family, said: str) -> None:
    open_case(family)
    family.text("delete my data")
    family.text(said)
    assert count_rows(runtime, "contacts") == 1 and count_rows(runtime, "cases") == 1
    family.text(said)
    assert count_rows(runtime, "contacts") == 1, "nor does saying it twice"


def test_emergency_takes_priority(runtime: Runtime, family: Family) -> None:
    open_case(family)
    family.text("delete my data")
    reply = family.text("ICE agents are at my door right now, they are knocking")
    assert "911" in reply and count_rows(runtime, "contacts") == 1
    with runtime.database.read() as db:
        assert {case.severity for case in newest_cases(db, 5)} >= {"escalate_now"}


def test_helping_staff_are_informed_that_the_case_is_gone(runtime: Runtime, family: Family) -> None:
    family.text("english")
    family.text("ICE agents are at my door right now, they are knocking")
    with runtime.database.write() as db:
        (case,) = newest_cases(db, 5)
        db.execute(cases.cases.update().values(claimed_by="ana_ruiz", state="claimed"))
    family.text("delete my data")
    assert "is deleted" in family.text("1")
    with runtime.database.read() as db:
        rows_ = db.execute(select(deliveries.deliveries)).all()
        found = [deliveries.find(db, row.id) for row in rows_]
    (notice,) = [one for one in found if one]
    assert notice.staff == "ana_ruiz" and f"case {case.id}" in notice.body and "ICE" not in notice.body


def test_erasure_works_after_stop_and_keeps_the_opt_out(runtime: Runtime, family: Family) -> None:
    open_case(family)
    family.text("STOP")
    assert "cannot be undone" in family.text("delete my data")
    assert "is deleted" in family.text("1")
    with runtime.database.read() as db:
        assert [row.kind for row in db.execute(select(consent_events))] == ["stop"]
        assert contacts.find(db, family.address) is None
        assert db.execute(select(record_keys.family_keys)).all() == []


def test_reply_uses_family_language_and_excludes_other_families(
    runtime: Runtime, family: Family, new_family: Callable[[str], Family]
) -> None:
    open_case(family)
    other = new_family("whatsapp:+12175550178")
    open_case(other)
    other.text("I want to talk to a person about something else entirely, the cafeteria")
    reply = family.text("PRIVACY")
    assert "Your requests to the school: 1. Each is deleted 30 days after it is done." in reply
    assert "Your phone number" in reply and "cannot be undone" not in reply
    assert "cannot be undone" in family.text("1"), "and how to delete it"
    new = new_family("whatsapp:+12175550179")
    new.text("english")
    assert "Your requests" not in new.text("what do you know about me")


def test_sender_erased_elsewhere_is_treated_as_new(runtime: Runtime, family: Family) -> None:
    """The conversation in Redis refers to a deleted contact: no error, no 503."""
    open_case(family)
    with runtime.database.write() as db:
        from bot.store.lifecycle import erasure as lifecycle_erasure

        contact = contacts.find(db, family.address)
        assert contact is not None and contact.family_id is not None
        lifecycle_erasure.erase_family(
            db, contact.family_id, contact.opted_out_at or audit_log.list_newest(db, 1)[0].at
        )
    assert family.text("I want to talk to a person") and family.status == 200
    assert count_rows(runtime, "contacts") == 1


def test_job_queued_before_erasure_does_nothing(
    runtime: Runtime, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts, translations, and texts of an erased family end without an error."""
    open_case(family)
    with runtime.database.read() as db:
        (case,) = newest_cases(db, 5)
        messages = list(db.execute(select(metadata.tables["case_messages"].c.id)).scalars())
        follow_ups = list(db.execute(select(metadata.tables["follow_ups"].c.id)).scalars())
    family.text("delete my data")
    family.text("1")
    monkeypatch.setattr(jobs, "get_runtime", lambda: runtime)
    jobs.alert_case(case.id)
    for message in messages:
        jobs.translate_message(message)
    for follow_up in follow_ups:
        jobs.start_follow_up(follow_up)
    jobs.deliver_message("gone")
    jobs.handle_undelivered_message("gone")
    jobs.run_sweep()
    assert messages and count_rows(runtime, "cases") == 0


def test_call_does_not_erase_and_the_phone_is_asked_by_text(
    runtime: Runtime, client: FlaskClient, family: Family, new_family: Callable[[str], Family]
) -> None:
    """Caller ID can be spoofed. Only the owner of the phone can answer the text."""
    open_case(family)
    phone = Phone(client, runtime)
    phone.ring()
    heard = phone.speak("privacy")
    assert "Your requests to the school: 1" in heard and "What would you like to do?" in heard
    assert "Shall I delete everything now?" in phone.press("1")
    where = phone.on
    assert "sent it to your phone as a text message" in phone.press("1")
    assert "sent it to your phone as a text message" in phone.ask(where, Digits="1"), "the callback again"
    assert count_rows(runtime, "cases") == 1 and count_rows(runtime, "families") == 1
    (text,) = list_texts(runtime, "+12175550177")
    assert "Shall I delete everything now?" in text and "1. Yes, delete everything" in text
    by_sms = new_family("+12175550177")
    assert "is deleted" in by_sms.text("1")
    assert (
        count_rows(runtime, "contacts") == 0
        and count_rows(runtime, "cases") == 0
        and count_rows(runtime, "deliveries") == 0
    )


def list_texts(runtime: Runtime, number: str) -> list[str]:
    with runtime.database.read() as db:
        contact = contacts.find(db, number)
        assert contact is not None
        mine = deliveries.deliveries.c.contact_id == contact.id
        ids = list(db.execute(select(deliveries.deliveries.c.id).where(mine)).scalars())
        return [one.body for one_id in ids if (one := deliveries.find(db, one_id))]


def test_request_of_unreachable_caller_goes_to_a_person(
    runtime: Runtime, client: FlaskClient, family: Family, new_family: Callable[[str], Family]
) -> None:
    """A landline; and a text conversation with another waiting question, which may be an emergency's."""
    open_case(family)
    with runtime.database.write() as db:
        families.mark_bad_number(db, 1, 30006, now())
    assert "Your request has the number" in request_erasure_by_call(Phone(client, runtime))
    with runtime.database.write() as db:
        families.mark_bad_number(db, 1, None, None)
    busy = new_family("+12175550177")
    busy.text("ICE agents are at my door right now, they are knocking")
    before = runtime.conversations.find_pending_step(runtime.compute_lookup_hash("+12175550177"))
    assert before is not None and before[0] == "enforcement_now"
    assert "Your request has the number" in request_erasure_by_call(Phone(client, runtime, sid="CA" + "8" * 32))
    assert runtime.conversations.find_pending_step(runtime.compute_lookup_hash("+12175550177")) == before
    assert count_rows(runtime, "families") == 1
    with runtime.database.read() as db:
        abouts = [case.about for case in newest_cases(db, 9)]
    assert any("asks to delete the data" in about for about in abouts)


def request_erasure_by_call(phone: Phone) -> str:
    phone.ring()
    phone.speak("delete my data")
    return phone.press("1")


def test_caller_with_hidden_number_erases_only_the_call(runtime: Runtime, client: FlaskClient, family: Family) -> None:
    """It holds only what was said in this call."""
    open_case(family)
    phone = Phone(client, runtime, number="anonymous")
    phone.ring()
    phone.press("1")
    phone.speak("delete my data")
    assert "is deleted" in phone.press("1")
    assert count_rows(runtime, "families") == 1, "the other family stays"


def test_concurrent_message_from_another_address_keeps_nothing(
    runtime: Runtime, family: Family, new_family: Callable[[str], Family]
) -> None:
    open_case(family)
    other = new_family("+12175550177")  # the same number by SMS
    other.text("hello")
    busy = runtime.compute_lookup_hash(other.address)
    conversation = runtime.conversations.lock_for_outgoing(busy, "a worker")
    assert conversation is not None and conversation.contact is not None
    family.text("delete my data")
    assert "is deleted" in family.text("1") and count_rows(runtime, "contacts") == 0
    assert not runtime.conversations.save_outgoing(busy, "a worker", conversation)
    assert not runtime.conversations.save_and_release(busy, "SMx", "a worker", conversation, "")
    assert not list(runtime.redis.scan_iter("puente:talk:*"))


@pytest.mark.parametrize("killed", [False, True])
def test_slow_concurrent_message_keeps_nothing(
    runtime: Runtime, family: Family, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """Erased in the console while a message of this address takes too long.

    Also covers an eraser that is killed right after the transaction.
    """
    open_case(family)
    monkeypatch.setattr(erasure, "WAIT_SECONDS", 0.1)
    if killed:
        monkeypatch.setattr(erasure, "finish_erasure", lambda *_: None)
    busy = runtime.compute_lookup_hash(family.address)
    conversation = runtime.conversations.lock_for_outgoing(busy, "a web process")
    assert conversation is not None and erasure.erase_by_address(runtime, family.address, "ana_ruiz")
    assert not runtime.conversations.save_and_release(busy, "SMx", "a web process", conversation, "")
    assert killed or not [key for key in runtime.redis.scan_iter() if busy.encode() in key]


def test_message_that_starts_during_erasure_keeps_nothing(
    runtime: Runtime, family: Family, new_family: Callable[[str], Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message from another address takes the lock after the family loses it and before its rows are deleted."""
    open_case(family)
    other = new_family("+12175550177")
    other.text("hello")
    busy, erases = runtime.compute_lookup_hash(other.address), erasure.erasure.erase_family
    began = []

    def erase(*args: object) -> list[str]:
        found = erases(*args)  # type: ignore[arg-type]
        cast_out = type(runtime.conversations).discard_and_unlock

        def then_begins(conversations: object, index: str) -> None:
            cast_out(runtime.conversations, index)
            if not began:
                began.append(runtime.conversations.lock_for_outgoing(busy, "a web process"))

        monkeypatch.setattr(type(runtime.conversations), "discard_and_unlock", then_begins)
        return found

    monkeypatch.setattr(erasure.erasure, "erase_family", erase)
    family.text("delete my data")
    assert "is deleted" in family.text("1") and began[0] is not None
    assert not runtime.conversations.save_and_release(busy, "SMx", "a web process", began[0], "")
    assert not [key for key in runtime.redis.scan_iter() if busy.encode() in key]


def test_erasure_between_read_and_write_creates_a_new_contact(
    runtime: Runtime, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a conversation in Redis, the contact comes from the database and is deleted before the rows are written."""
    open_case(family)
    runtime.conversations.discard(runtime.compute_lookup_hash(family.address))
    notes, gone = inbound_context._load_attributes, []

    def erased_now(*args: object) -> dict[str, str]:
        found = notes(*args)  # type: ignore[arg-type]
        if not gone:
            with runtime.database.write() as db:
                gone.append(store_erasing.erase_family(db, 1, now()))
                contacts.add(db, "+12175550999", "sms", now())
        return found

    monkeypatch.setattr(inbound_context, "_load_attributes", erased_now)
    assert family.text("ICE agents are at my door right now, they are knocking") and family.status == 200
    with runtime.database.read() as db:
        own = contacts.find(db, family.address)
        (case,) = newest_cases(db, 5)
    assert gone and own is not None and case.contact_id == own.id, "not whoever came meanwhile"


def test_stored_replies_are_erased_and_repeats_still_recognized(runtime: Runtime, family: Family) -> None:
    open_case(family)
    before = family.sid
    assert family.text("PRIVACY") and "Your requests" in list_stored_replies(runtime)
    family.text("2")
    family.text("delete my data")
    done = family.text("1")
    assert list_stored_replies(runtime) == done, "the one that a repeat of the last message gets"
    assert family.text("he comes on Friday", MessageSid=before) == "" and count_rows(runtime, "contacts") == 0
    open_case(family)
    assert erasure.erase_by_address(runtime, family.address, "ana_ruiz") and list_stored_replies(runtime) == done


def list_stored_replies(runtime: Runtime) -> str:
    """Decrypt every reply that Redis keeps for repeats."""
    sids = [key.decode().removeprefix("puente:seen:") for key in runtime.redis.scan_iter("puente:seen:SM*")]
    sealed = {sid: runtime.redis.get(f"puente:seen:{sid}") for sid in sids}
    return "".join(
        runtime.database.vault.decrypt_bytes(one, f"reply:{sid}").decode() for sid, one in sealed.items() if one
    )


def test_conversation_known_only_to_redis_does_not_silence_replies(runtime: Runtime, family: Family) -> None:
    """A staff text was sent at the moment of the erasure and wrote that to Redis."""
    open_case(family)
    assert erasure.erase_by_address(runtime, family.address, "ana_ruiz")
    own = runtime.compute_lookup_hash(family.address)
    family.text("english")
    runtime.conversations.set_active_case(own, 1)
    family.text("menu")
    runtime.redis.set(f"puente:talking:{own}", 1)  # also if the conversation knows the sender
    assert "Is it safe at school?" in family.text("menu")
    assert runtime.redis.get(f"puente:talking:{own}") is None


def test_concurrent_erasures_run_once(runtime: Runtime, family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    open_case(family)
    with runtime.database.write() as db:  # a leader without a number belongs to no family
        leader = CommunityLeader(0, "Paul", "", "Church", "faith", (), "", "ana_ruiz")
        community_leaders.add(db, leader, now())
    indexes = contacts.list_address_hashes

    def erased_meanwhile(*args: object) -> list[str]:
        monkeypatch.setattr(contacts, "list_address_hashes", indexes)
        assert erasure.erase_by_address(runtime, family.address, "ana_ruiz")
        return indexes(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(contacts, "list_address_hashes", erased_meanwhile)
    assert erasure.erase_by_address(runtime, family.address, "ben")
    assert count_rows(runtime, "erasures") == 1 and count_rows(runtime, "families") == 0
    with runtime.database.read() as db:
        assert [one.name for one in community_leaders.list_all(db)] == ["Paul"]
