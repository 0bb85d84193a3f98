"""`make run`: everything on one machine, out of one command (`python -m bot.dev_server`)."""
