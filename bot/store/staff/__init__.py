"""Tables about staff accounts."""
