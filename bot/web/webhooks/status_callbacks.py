"""Record Twilio's status callbacks, even while Redis is unavailable."""

from redis import RedisError

from bot.announcements import delivery_results
from bot.messaging import delivery_status
from bot.messaging.delivery_status import DeliveryReport
from bot.runtime import Runtime


def record_status_report(runtime: Runtime, report: DeliveryReport) -> None:
    """Write the status to its row, or queue it for the next batch if Redis is unavailable.

    Raises:
        SQLAlchemyError: If the database is unavailable.
    """
    try:
        delivery_status.record_report(runtime, report)
    except RedisError:
        delivery_results.record_report(runtime, delivery_status.build_pending_receipt(report))
