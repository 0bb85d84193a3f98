"""Tables, values in Redis, and counts for operating Puente."""
