"""What calls say: sentences, voices, and the wording for the ear."""
