"""Send a test of an announcement in one language to the sender's own work phone, marked as a test."""

from bot.announcements.composition import InvalidAnnouncementError
from bot.announcements.personalization import AnnouncementMessageBuilder
from bot.base.database import now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.runtime import Runtime
from bot.store.announcements.announcements import Announcement
from bot.store.cases import deliveries

TEST_MARK = "[TEST]"


def send_test(runtime: Runtime, announcement: Announcement, language: str, staff: str | None) -> None:
    """Send a test to this staff member. Raises `InvalidAnnouncementError` if the district file has no phone for it."""
    if staff is None or staff not in runtime.library.district.staff:
        raise InvalidAnnouncementError(
            ["Your account isn't linked to a person in the district file, so there is no phone for the test."]
        )
    text = AnnouncementMessageBuilder(runtime, announcement).render_body("text", language)
    with runtime.database.write() as db:
        delivery = deliveries.plan_reminder(db, staff, f"{TEST_MARK}\n{text}", now())
    enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery)
