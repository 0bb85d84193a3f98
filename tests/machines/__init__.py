"""More than one machine: real processes with separate homes, a shared PostgreSQL and Redis."""
