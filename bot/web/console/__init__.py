"""The staff console: log in, see who needs a person, call back, mark as done, say what was understood wrongly."""

from flask import Flask
from flask_login import LoginManager

from bot.services import Services
from bot.web.console import access, login, oidc, sessions, words
from bot.web.console.account import account
from bot.web.console.agents import agents
from bot.web.console.agents_csv import drilled_csv
from bot.web.console.agents_quiz import quiz
from bot.web.console.agents_record import incident
from bot.web.console.announcements import announcement_list
from bot.web.console.attendance_figures import attendance_page
from bot.web.console.case_page import case
from bot.web.console.check_in_page import check_ins_page
from bot.web.console.consent_page import consent_page
from bot.web.console.directory import directory_page
from bot.web.console.family_page import family_page
from bot.web.console.flyer_page import flyer
from bot.web.console.gathering_listen import gathering_themes
from bot.web.console.gathering_sheet import sheet_wording
from bot.web.console.gatherings import gathering_list
from bot.web.console.handouts import handouts_page
from bot.web.console.kept_page import kept_page
from bot.web.console.leaders import leader_list
from bot.web.console.lists import my_alerts
from bot.web.console.load import load_page
from bot.web.console.menu import register_menu
from bot.web.console.needs_page import needs_page
from bot.web.console.pages import console
from bot.web.console.people import first_login, new_password, people
from bot.web.console.recordings_page import recordings_page
from bot.web.console.records import audit_page
from bot.web.console.register_page import register_page
from bot.web.console.release_page import preview_page
from bot.web.console.reports import figures_page
from bot.web.console.review import review
from bot.web.console.rota import on_call
from bot.web.console.schools_page import schools_page
from bot.web.console.talk_page import draft
from bot.web.console.upkeep import content
from bot.web.console.visit_page import ask_for_visit
from bot.web.console.voice_note_page import voice_note
from bot.web.console.watch_page import watch_page
from bot.web.console.well_page import well_page
from bot.web.console.wording_page import wording

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
    "directory_page",
    "draft",
    "drilled_csv",
    "family_page",
    "figures_page",
    "first_login",
    "flyer",
    "gathering_list",
    "gathering_themes",
    "handouts_page",
    "incident",
    "kept_page",
    "leader_list",
    "load_page",
    "login",
    "my_alerts",
    "needs_page",
    "new_password",
    "on_call",
    "people",
    "preview_page",
    "quiz",
    "recordings_page",
    "register",
    "register_page",
    "review",
    "schools_page",
    "sheet_wording",
    "voice_note",
    "watch_page",
    "well_page",
    "wording",
]


def register(app: Flask) -> None:
    """Put the console into the app, with its logins and the guard that asks every route who may."""
    ready: Services = app.extensions["puente"]
    app.register_blueprint(console)
    words.register_words(app)
    register_menu(app)
    manager = LoginManager(app)
    manager.session_protection = "strong"
    manager.user_loader(sessions.of_session)
    access.guard(app)
    oidc.connect(app, ready)
