"""Attendance: why children are away and what would help, without threats; visits at home only where a family says yes."""
