"""Puente: the WhatsApp/SMS line between a school district and the families it serves.

`docs/architecture.md` has the map: which room does what, and who may import whom.
"""
