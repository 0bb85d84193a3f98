"""Personal data in free text: what is masked before storage, and what is replaced before translation."""
