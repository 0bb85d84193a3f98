"""What docs/security.md promises against each attacker; it names each test."""
