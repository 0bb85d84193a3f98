"""The registration of all console pages. Importing a page module adds its routes to the blueprint."""

from flask import Flask
from flask_login import LoginManager

from bot.runtime import Runtime
from bot.web.console.announcements.announcements import announcement_list
from bot.web.console.announcements.flyer_page import flyer
from bot.web.console.announcements.progress_page import watch_page
from bot.web.console.announcements.recordings_page import recordings_page
from bot.web.console.announcements.release_page import preview_page
from bot.web.console.announcements.translation_page import wording
from bot.web.console.auth import login, oidc, sessions
from bot.web.console.auth.account import account
from bot.web.console.cases.case_page import case
from bot.web.console.cases.conversation_page import draft
from bot.web.console.cases.home_visit_page import ask_for_visit
from bot.web.console.cases.my_lists import my_alerts
from bot.web.console.cases.on_call_page import on_call
from bot.web.console.cases.topic_corrections_page import review
from bot.web.console.cases.voice_note_page import voice_note
from bot.web.console.cases.workload_page import load_page
from bot.web.console.community.directory import directory_page
from bot.web.console.community.handouts import handouts_page
from bot.web.console.community.leaders import leader_list
from bot.web.console.content.register_page import register_page
from bot.web.console.content.review_queue_page import content
from bot.web.console.core import console_i18n, permissions
from bot.web.console.core.audit_page import audit_page
from bot.web.console.core.inbox import console
from bot.web.console.core.menu import register_menu
from bot.web.console.incidents.drill_csv import drilled_csv
from bot.web.console.incidents.incident_page import incident
from bot.web.console.incidents.quiz_page import quiz
from bot.web.console.incidents.start_page import agents
from bot.web.console.meetings.answer_sheet_page import sheet_wording
from bot.web.console.meetings.feedback_page import gathering_themes
from bot.web.console.meetings.meeting_page import gathering_list
from bot.web.console.oversight.accounts_page import create_first_account, issue_password, people
from bot.web.console.oversight.consent_page import consent_page
from bot.web.console.oversight.family_page import family_page
from bot.web.console.oversight.health_page import well_page
from bot.web.console.oversight.reports import figures_page
from bot.web.console.oversight.retention_page import kept_page
from bot.web.console.schools.attendance_page import attendance_page
from bot.web.console.schools.check_in_page import check_ins_page
from bot.web.console.schools.needs_page import needs_page
from bot.web.console.schools.schools_page import schools_page

__all__ = [
    "account",
    "agents",
    "announcement_list",
    "ask_for_visit",
    "attendance_page",
    "audit_page",
    "case",
    "check_ins_page",
    "consent_page",
    "content",
    "create_first_account",
    "directory_page",
    "draft",
    "drilled_csv",
    "family_page",
    "figures_page",
    "flyer",
    "gathering_list",
    "gathering_themes",
    "handouts_page",
    "incident",
    "issue_password",
    "kept_page",
    "leader_list",
    "load_page",
    "login",
    "my_alerts",
    "needs_page",
    "on_call",
    "people",
    "preview_page",
    "quiz",
    "recordings_page",
    "register_console",
    "register_page",
    "review",
    "schools_page",
    "sheet_wording",
    "voice_note",
    "watch_page",
    "well_page",
    "wording",
]


def register_console(app: Flask) -> None:
    """Add the console to the app, with its login and the permission check for every route."""
    runtime: Runtime = app.extensions["puente"]
    app.register_blueprint(console)
    console_i18n.register_translations(app)
    register_menu(app)
    manager = LoginManager(app)
    manager.session_protection = "strong"
    manager.user_loader(sessions.load_user)
    permissions.install_guard(app)
    oidc.register_provider(app, runtime)
