"""Meetings with families: planning, invitations in every language, answers, reminders, and feedback."""
