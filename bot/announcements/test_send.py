"""A test to oneself: one announcement in one language, to one's own work phone, marked as a test."""

from bot.announcements.composition import InvalidAnnouncementError
from bot.announcements.personalization import AnnouncementMessageBuilder
from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.runtime import Services
from bot.store.announcements.announcements import Announcement
from bot.store.cases import deliveries

TEST_MARK = "[TEST]"


def send_test(services: Services, announcement: Announcement, language: str, staff: str | None) -> None:
    """Send it to the phone of this member of staff.  Raises `CannotSay` if the district file knows no such phone."""
    if staff is None or staff not in services.library.district.staff:
        raise InvalidAnnouncementError(
            ["Your login belongs to nobody of the district file: there is no phone to send a test to."]
        )
    text = AnnouncementMessageBuilder(services, announcement).render_body("text", language)
    at = now()
    with services.database.write() as db:
        delivery = deliveries.plan_reminder(db, services.database.vault, staff, f"{TEST_MARK}\n{text}", at)
    enqueue(services.redis, "default", DELIVER, delivery)
