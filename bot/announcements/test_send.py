"""A test to oneself: one announcement in one language, to one's own work phone, marked as a test."""

from bot.announcements.composition import InvalidAnnouncementError
from bot.announcements.personalization import AnnouncementMessageBuilder
from bot.base.database import now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.runtime import Runtime
from bot.store.announcements.announcements import Announcement
from bot.store.cases import deliveries

TEST_MARK = "[TEST]"


def send_test(runtime: Runtime, announcement: Announcement, language: str, staff: str | None) -> None:
    """Send it to the phone of this member of staff.  Raises `CannotSay` if the district file knows no such phone."""
    if staff is None or staff not in runtime.library.district.staff:
        raise InvalidAnnouncementError(
            ["Your login belongs to nobody of the district file: there is no phone to send a test to."]
        )
    text = AnnouncementMessageBuilder(runtime, announcement).render_body("text", language)
    at = now()
    with runtime.database.write() as db:
        delivery = deliveries.plan_reminder(db, staff, f"{TEST_MARK}\n{text}", at)
    enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery)
