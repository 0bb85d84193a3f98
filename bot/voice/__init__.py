"""List the texts that people can record for calls, and convert recordings."""
