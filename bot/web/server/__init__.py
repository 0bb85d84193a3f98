"""Plug-ins for gunicorn."""
