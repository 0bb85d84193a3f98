"""The staff console: log in, see who needs a person, call back, mark as done, say what was understood wrongly."""

from flask import Flask
from flask_login import LoginManager

from bot.services import Services
from bot.web.console import access, login, oidc, sessions, words
from bot.web.console.account import account
from bot.web.console.announcements import announcement_list
from bot.web.console.case_page import case
from bot.web.console.consent_page import consent_page
from bot.web.console.directory import directory_page
from bot.web.console.handouts import handouts_page
from bot.web.console.lists import my_alerts
from bot.web.console.menu import register_menu
from bot.web.console.pages import console
from bot.web.console.people import first_login, new_password, people
from bot.web.console.records import audit_page
from bot.web.console.release_page import preview_page
from bot.web.console.reports import figures_page
from bot.web.console.review import review
from bot.web.console.rota import on_call
from bot.web.console.talk_page import draft
from bot.web.console.upkeep import content
from bot.web.console.watch_page import watch_page
from bot.web.console.wording_page import wording

__all__ = [
    "account",
    "announcement_list",
    "audit_page",
    "case",
    "consent_page",
    "content",
    "directory_page",
    "draft",
    "figures_page",
    "first_login",
    "handouts_page",
    "login",
    "my_alerts",
    "new_password",
    "on_call",
    "people",
    "preview_page",
    "register",
    "review",
    "watch_page",
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
