"""Attendance: why children are away and what would help, without threats; visits at home only with a family's yes."""
