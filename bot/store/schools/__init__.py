"""Tables about schools: statuses, incidents, absences, needs, and visits."""
