"""Announcements: from what somebody writes to what fifty thousand phones show, each once."""
