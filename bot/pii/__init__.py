"""Find personal data in free text, to mask it before storage and to replace it before translation."""
