"""What Twilio reports goes to the row that it is about, also while Redis is away."""

from redis import RedisError

from bot.announcements import delivery_results
from bot.messaging import delivery_status
from bot.messaging.delivery_status import DeliveryReport
from bot.runtime import Runtime


def record_status_report(runtime: Runtime, report: DeliveryReport) -> None:
    """Write it down, or keep it where many are written down at a time.  Raises SQLAlchemyError."""
    try:
        delivery_status.record_report(runtime, report)
    except RedisError:
        delivery_results.record_report(runtime, delivery_status.build_pending_receipt(report))
