"""What Twilio reports goes to the row that it is about, also while Redis is away."""

from redis import RedisError

from bot.announcements import outcomes
from bot.messaging import status
from bot.messaging.status import Report
from bot.services import Services


def report_it(services: Services, report: Report) -> None:
    """Write it down, or keep it where many are written down at a time.  Raises SQLAlchemyError."""
    try:
        status.record(services, report)
    except RedisError:
        outcomes.at_once(services, status.kept(report))
