"""Shared code of all pages."""
