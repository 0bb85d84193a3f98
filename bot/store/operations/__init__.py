"""Tables and counts that operating the line needs."""
