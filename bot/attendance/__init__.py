"""Attendance: ask without threats why children are absent and what would help. Home visits need a family's consent."""
