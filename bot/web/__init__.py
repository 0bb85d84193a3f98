"""The web process: `create_app` puts the pages together; each page is a thin edge round the rooms below it."""

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect

from bot import settings
from bot.services import Services, open_services
from bot.settings import Settings
from bot.web import console, health, twilio
from bot.web.media import media
from bot.web.simulator import simulator

BODY_BYTES = 256 * 1024
"""Twilio's forms are a few kilobytes; ten megabytes are somebody else."""
CONTENT_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"


class PageSessions(SecureCookieSessionInterface):
    """Sessions are for people with a browser; Twilio has none, and its messages should not wait for one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The browser's session; none for a webhook."""
        return None if request.path.startswith("/webhooks/") else super().open_session(app, request)


def create_app(given: Settings | None = None, services: Services | None = None) -> Flask:
    """The Flask app for these settings (or the environment's).

    Raises `SettingsError` or `BadSource`: a program with a wrong file does not start.
    """
    ready = services or open_services(given or settings.load())
    app = Flask("bot.web")
    app.session_interface = PageSessions()
    app.config.update(
        SECRET_KEY=ready.settings.secret_key,
        MAX_CONTENT_LENGTH=BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=BODY_BYTES,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=ready.settings.environment == "production",
    )
    app.extensions["puente"] = ready
    csrf = CSRFProtect(app)
    csrf.exempt(twilio.webhooks)  # Twilio signs its requests instead
    csrf.exempt(simulator)  # wants a header that no form can set
    app.register_blueprint(twilio.webhooks)
    app.register_blueprint(health.health)
    app.register_blueprint(media)
    console.register(app)
    if ready.settings.simulator_on:
        app.register_blueprint(simulator)
    app.after_request(_with_headers)
    return app


def _with_headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
