"""The words of the console, in the language of who reads them."""

from flask import Flask


def _(text: str, **values: object) -> str:
    """`text` with its `{placeholders}` filled in."""
    return text.format(**values) if values else text


def register_words(app: Flask) -> None:
    """Templates write `_("...")` as Python does."""
    app.jinja_env.globals["_"] = _
