"""Serve `/media/<file>`: the pictures and files of `flows/media/`, which Twilio and phones fetch without a login."""

from flask import Blueprint, Response, send_from_directory

from bot.base import settings
from bot.content.library import MEDIA_DIR

media = Blueprint("media", __name__)
CACHE_SECONDS = 3600


@media.get("/media/<file>")
def serve_file(file: str) -> Response:
    """Serve a file of the folder, or 404."""
    response = send_from_directory(settings.ROOT / MEDIA_DIR, file, max_age=CACHE_SECONDS)
    response.headers["Content-Disposition"] = "inline"
    return response
