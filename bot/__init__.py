"""Puente: text messages and calls between a school district and the families it serves.

`docs/architecture.md` describes the packages and their allowed imports.
"""
