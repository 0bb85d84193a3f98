"""The audit log page for the records officer: who did what to which case or account."""

from datetime import timedelta

from flask import render_template, request
from flask_login import current_user

from bot.base.database import now
from bot.store import audit_log
from bot.web.console.core.console_i18n import N_
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import APPROVER, RECORDS_OFFICER, allow_roles
from bot.web.core.current_runtime import get_runtime

AUDIT_PAGE_SIZE = 200
VIEW_AUDIT_INTERVAL = timedelta(hours=1)
AUDIT_ACTION_TEXTS = (
    *(N_("opened"), N_("asked again"), N_("took"), N_("handed over"), N_("wrote to the family"), N_("wrote")),
    *(N_("resolved"), N_("closed"), N_("not helped yet"), N_("read"), N_("noted"), N_("looked at the flag")),
    *(N_("opened a link"), N_("approved a phrase"), N_("removed a phrase"), N_("asked for an interpreter")),
    *(N_("booked an interpreter"), N_("logged in"), N_("login made"), N_("login locked"), N_("login unlocked")),
    *(N_("login closed"), N_("password changed"), N_("role changed"), N_("second factor set")),
    *(N_("wrote an announcement"), N_("changed an announcement"), N_("approved an announcement")),
    *(N_("released an announcement"), N_("paused an announcement"), N_("resumed an announcement")),
    *(N_("stopped an announcement"), N_("tried the failed again"), N_("approved a wording")),
    *(N_("recorded an announcement"), N_("removed a recording"), N_("took the report of an announcement")),
    *(N_("looked up consent"), N_("listened to a voice message")),
    *(N_("started an incident"), N_("started a drill"), N_("ended an incident"), N_("closed an idle incident")),
    *(
        N_("ended an incident as a mistake"),
        N_("ended a drill: real"),
        N_("began again"),
        N_("read an incident"),
        N_("took the quiz"),
    ),
    *(N_("set a school status"), N_("withdrew a school status"), N_("proposed an announcement")),
    *(N_("dropped a proposal"), N_("looked at content"), N_("read the digest")),
    *(N_("called a partner"), N_("suggested a partner"), N_("added a suggestion"), N_("declined a suggestion")),
    *(N_("referred to a partner"),),
    *(N_("recorded a text"), N_("reviewed a recording"), N_("took back a recording")),
    *(N_("erased a family"), N_("deleted with its family"), N_("deleted records past their time")),
    *(N_("looked up a family"), N_("took a copy of a family's data"), N_("moved records to the newest key")),
    *(N_("hashed addresses under the newest key"),),
    *(N_("second factor taken away"), N_("recovery code used"), N_("sessions ended")),
)
"""The actions in the audit log, listed here for the catalogs. The log stores them in English."""


def audit_view(action: str, subject: str, why: str = "") -> None:
    """Record in the audit log what the current user views, at most once an hour.

    Use this for parts that a page polls every few seconds and that can be requested without the page.
    """
    database, current_time = get_runtime().database, now()
    entry = audit_log.AuditEntry(0, current_time, current_user.by, action, subject, why)
    with database.read() as db:
        is_recorded = audit_log.is_recorded(db, entry, current_time - VIEW_AUDIT_INTERVAL)
    if not is_recorded:
        with database.write() as db:
            audit_log.record(db, entry.who, action, subject, current_time, why)


@console.get("/audit", endpoint="audit")
@allow_roles(RECORDS_OFFICER, APPROVER)
def audit_page() -> str:
    """Show the newest entries, optionally of one case or account, and whether the log was tampered with."""
    subject = request.args.get("subject", "").strip()[:64]
    with get_runtime().database.read() as db:
        entries = audit_log.list_newest(db, AUDIT_PAGE_SIZE, subject or None)
        broken = audit_log.find_broken_row(db)
    return render_template("console/audit.html", entries=entries, subject=subject, broken=broken, most=AUDIT_PAGE_SIZE)
