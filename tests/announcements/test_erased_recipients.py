"""A family is erased while an announcement is sent to it: at most one text is sent, and no row returns."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from bot.announcements import launch
from bot.announcements import sender as broadcasting
from bot.messaging import erasure
from bot.store.announcements.recipients import recipients
from tests.announcements.conftest import District

A, B = "+12175550201", "+12175550202"


def list_recipients(district: District) -> set[int]:
    with district.runtime.database.read() as db:
        return set(db.execute(select(recipients.c.family_id)).scalars())


def test_family_erased_while_recipients_are_built_gets_nothing(
    district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    district.family(A)
    other = district.family(B)
    rows = launch._build_rows

    def erased_then(*args: Any) -> Iterator[Any]:
        planned = list(rows(*args))
        if any(one.kind == "text" for one in planned):  # leaders are read first
            assert erasure.erase_by_address(district.runtime, A, "ana_ruiz")
        yield from planned

    monkeypatch.setattr(launch, "_build_rows", erased_then)
    district.send(district.say())
    assert (len(district.got(A)), len(district.got(B))) == (0, 1) and list_recipients(district) == {other}


def test_family_erased_while_text_is_sent_leaves_no_row(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    district.family(A)
    other, hand_over = district.family(B), broadcasting.send_request

    def erased_then(channel: Any, ready: Any, claimed: Any) -> Any:
        result = hand_over(channel, ready, claimed)
        erasure.erase_by_address(district.runtime, A, "ana_ruiz")
        return result

    monkeypatch.setattr(broadcasting, "send_request", erased_then)
    number = district.say()
    district.send(number)
    district.report(number, A, "undelivered", 30003)  # without the erasure, this would use another channel
    district.send(number)
    assert (len(district.got(A)), len(district.got(B))) == (1, 1) and list_recipients(district) == {other}
    assert district.state(number) == "done"
