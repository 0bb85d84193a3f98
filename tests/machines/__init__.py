"""More than one machine: real processes with homes of their own, a shared PostgreSQL and Redis."""
