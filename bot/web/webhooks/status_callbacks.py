"""What Twilio reports goes to the row that it is about, also while Redis is away."""

from redis import RedisError

from bot.announcements import delivery_results
from bot.messaging import delivery_status
from bot.messaging.delivery_status import Report
from bot.runtime import Services


def report_it(services: Services, report: Report) -> None:
    """Write it down, or keep it where many are written down at a time.  Raises SQLAlchemyError."""
    try:
        delivery_status.record(services, report)
    except RedisError:
        delivery_results.record_report(services, delivery_status.kept(report))
