"""Implement the command line, `python -m bot`."""
