"""Tables about cases, their messages, and their deliveries."""
