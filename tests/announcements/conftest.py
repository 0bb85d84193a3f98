"""Write, release, and send announcements to roster families with the real jobs, in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bot.announcements import approval, composition, delivery_results, launch
from bot.announcements.sender import broadcast
from bot.base.database import now
from bot.messaging import delivery_status
from bot.messaging.delivery_status import DeliveryReport
from bot.runtime import Runtime
from bot.store.announcements import announcements, recipient_counts
from bot.store.announcements.announcements import Announcement, AnnouncementDraft, Audience
from bot.store.families import contacts, families
from tests.stand_in import TwilioStandIn

TEXT = "There is no school on Friday. The buses do not run. Call {office_phone} with questions."


@dataclass
class District:
    """Add families with `family`, write and release an announcement with `say`, and run the jobs with `send`."""

    runtime: Runtime
    twilio: TwilioStandIn
    made: list[int] = field(default_factory=list)

    def family(
        self,
        address: str,
        *schools: str,
        language: str | None = "en",
        role: str = "family",
        consent: bool = True,
        tag: str | None = None,
    ) -> int:
        """Add a roster contact and return the id of its family."""
        at = now()
        kind = address.partition(":")[0]
        channel = kind if kind in ("whatsapp", "voice") else "sms"
        with self.runtime.database.write() as db:
            contact = contacts.add(db, address, channel, at)
            assert contact.family_id is not None
            if language:
                contacts.set_language(db, contact.id, language)
            families.set_role(db, contact.family_id, role)
            families.set_consent(db, contact.family_id, "roster" if consent else None, at if consent else None)
            for school in schools:
                families.join_school(db, contact.family_id, school, "roster")
            if tag:
                families.add_tag(db, contact.family_id, tag)
        return contact.family_id

    def draft(self, text: str = TEXT, **given: object) -> Announcement:
        """Build a draft sent by Dana and written by Ana."""
        given = {"kind": "general", "sender": "dana_cole", "until": now() + timedelta(days=3), **given}
        return composition.save_draft(
            self.runtime, AnnouncementDraft(text=text, **{"audience": Audience(), **given}), "ana_ruiz"
        )  # type: ignore[arg-type]

    def say(self, text: str = TEXT, **given: object) -> int:
        """Create an announcement that another person has approved and released."""
        draft = self.draft(text, **given)
        for person in ("rosa_lind", "lee_tran"):
            approval.approve(self.runtime, draft.id, person)
        approval.release(self.runtime, draft.id, "rosa_lind")
        return draft.id

    def send(self, announcement: int, jobs: int = 6) -> None:
        """Run the jobs of a worker one after another until none is due."""
        launch.start(self.runtime, announcement)
        self.runtime.redis.delete(
            "rq:queue:default"
        )  # another worker has done those jobs: the broadcast yields to them
        for _ in range(jobs):
            broadcast(self.runtime, announcement, 0)
            delivery_results.record_pending_reports(self.runtime)

    def report(self, announcement: int, number: str, state: str, code: int | None = None) -> None:
        """Post Twilio's report on the newest message to this number."""
        sent = self.twilio.sent_to(number)[-1]
        row = sent.status_callback.split("m=")[1]
        delivery_status.record_report(self.runtime, DeliveryReport(sent.sid, state, row, code))
        delivery_results.record_pending_reports(self.runtime)

    def got(self, number: str) -> list[str]:
        """Return the texts sent to this address."""
        return [message.body for message in self.twilio.sent_to(number)]

    def states(self, announcement: int) -> dict[str, int]:
        """Return state (with its reason) → number of families, each by its newest attempt."""
        with self.runtime.database.read() as db:
            counted = recipient_counts.list_counts(db, announcement)
        return {f"{one.state} {one.reason}".strip(): one.family_count for one in counted}

    def state(self, announcement: int) -> str:
        """Return the state of the announcement."""
        with self.runtime.database.read() as db:
            return announcements.get_state(db, announcement)


@pytest.fixture
def district(runtime: Runtime, twilio: TwilioStandIn) -> District:
    return District(runtime, twilio)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Look up unknown outcomes without delay."""

    def set_to(**seconds: float) -> None:
        for name, value in seconds.items():
            monkeypatch.setattr(f"bot.announcements.provider_requests.{name}", timedelta(seconds=value))

    return set_to
