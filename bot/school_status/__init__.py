"""Verified school statuses: set and withdrawn by the safety lead, and sent to families who reported a rumor."""
