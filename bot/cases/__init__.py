"""What a family needs a person for: alerts to staff, and asking later whether it was solved."""
