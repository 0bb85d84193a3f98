"""What docs/security.md promises against whom; each test is named there."""
