"""Run all of Puente on one machine with one command: `make run` (`python -m bot.dev_server`)."""
