"""The web process: `create_app` puts the pages together; each page is a thin edge round the rooms below it."""

from collections.abc import Iterator
from typing import Any

from flask import Flask, Request, Response, abort, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect
from werkzeug.datastructures import MultiDict
from werkzeug.middleware.proxy_fix import ProxyFix

from bot.base import settings
from bot.base.settings import Settings
from bot.runtime import Services, open_services
from bot.store.lifecycle import reindex
from bot.web import rate_limits
from bot.web.console import registration
from bot.web.operations import health
from bot.web.operations.metrics import metrics
from bot.web.public.media import media
from bot.web.public.meeting import gathering
from bot.web.public.recordings import recorded
from bot.web.public.verify_message import genuine
from bot.web.simulator import simulator
from bot.web.simulator.voice_notes import simulated
from bot.web.webhooks import messages

BODY_BYTES = 256 * 1024
"""Twilio's forms are a few kilobytes; ten megabytes are somebody else."""
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
CONTENT_POLICY = (
    "default-src 'self'; media-src 'self' blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'self'"
)
"""No script and no style stands in a page: what somebody smuggles into one does nothing.  `blob:` is what a browser has
recorded and not sent yet; only a script of ours could make one."""
HEADERS = (
    ("Content-Security-Policy", CONTENT_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(self), payment=(), usb=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cache-Control", "no-store"),
)
"""What stands on every answer that does not say otherwise; the microphone is for the page where staff record."""
HSTS_SECONDS = 365 * 24 * 3600


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
        WTF_CSRF_TIME_LIMIT=None,  # a form's token is good as long as its session: an hour's writing is not refused
        **_cookie(ready.settings),
    )
    app.extensions["puente"] = ready
    app.before_request(_no_nul)
    csrf = CSRFProtect(app)
    csrf.exempt(messages.webhooks)  # Twilio signs its requests instead
    csrf.exempt(simulated)  # wants the account's password
    csrf.exempt(simulator)  # wants a header that no form can set
    app.register_blueprint(messages.webhooks)
    app.register_blueprint(health.health)
    app.register_blueprint(metrics)
    app.register_blueprint(media)
    app.register_blueprint(recorded)
    app.register_blueprint(genuine)
    app.register_blueprint(gathering)
    registration.register_console(app)
    rate_limits.limit(app, ready)
    if ready.settings.simulator_on:
        app.register_blueprint(simulator)
    if ready.settings.simulator_on and not ready.settings.live:
        app.register_blueprint(simulated)
    app.after_request(_with_headers)
    if ready.settings.environment == "production":
        app.after_request(_only_by_https)
    _behind_proxies(app, ready.settings.trusted_proxies)
    return app


def _no_nul() -> None:
    """No browser sends NUL, and PostgreSQL takes it in no value: once for every page, what it stands in is refused,
    and an address with it leads to nothing (a code that somebody checks is answered, whatever it is).

    Twilio's forms are cleaned where they are read: what a family wrote is answered too.
    """
    if request.path.startswith("/webhooks/"):
        return
    if request.view_args:
        request.view_args = {name: _named(given) for name, given in request.view_args.items()}
    filled = request.form if request.mimetype in FORMS else MultiDict[str, str]()
    if any("\0" in one for one in (*_words(request.args), *_words(filled))):
        abort(400)


def _named(given: Any) -> Any:
    return given.replace("\0", "\ufffd") if isinstance(given, str) else given


def _words(given: MultiDict[str, str]) -> Iterator[str]:
    return (word for pair in given.items(multi=True) for word in pair)


def check_keys(app: Flask) -> None:
    """Raises `SettingsError` for a wrong `DATA_KEY`: every family would be a stranger, also who wants no messages.

    A database that is away, or not brought up to date yet, is for /readyz to tell.
    """
    ready: Services = app.extensions["puente"]
    if wrong := reindex.explain_unfit_database(ready.database):
        raise settings.SettingsError(wrong)


def _behind_proxies(app: Flask, number: int) -> None:
    """Whose address a request comes from: the one that the outermost of our own proxies (`TRUSTED_PROXIES`) has seen.

    With 0 nothing that a client writes is believed; with one too many anybody chooses an address.  Host and scheme
    never come from there: `PUBLIC_URL` says them.
    """
    if number:
        wrapped: Any = ProxyFix(app.wsgi_app, x_for=number, x_proto=0, x_host=0)
        app.wsgi_app = wrapped  # type: ignore[method-assign]  # Flask's documented way


def _cookie(given: Settings) -> dict[str, object]:
    """Scripts do not read it, other sites do not send it; in production only https, and only this very host sets it."""
    secure = given.environment == "production"
    flags = {"SESSION_COOKIE_HTTPONLY": True, "SESSION_COOKIE_SAMESITE": "Lax", "SESSION_COOKIE_SECURE": secure}
    return {**flags, "SESSION_COOKIE_NAME": "__Host-puente" if secure else "puente"}


def _with_headers(response: Response) -> Response:
    """What a page has not said itself."""
    said = {name.title() for name, _ in response.headers}
    response.headers.extend([one for one in HEADERS if one[0].title() not in said])
    return response


def _only_by_https(response: Response) -> Response:
    """A browser that has been here once never asks without https again (RFC 6797)."""
    response.headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_SECONDS}")
    return response
