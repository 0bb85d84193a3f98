"""The staff console: log in, see who needs a person, call back, mark as done, say what was understood wrongly."""

from bot.web.console.pages import first_login, new_password, register
from bot.web.console.review import review
from bot.web.console.upkeep import content

__all__ = ["content", "first_login", "new_password", "register", "review"]
