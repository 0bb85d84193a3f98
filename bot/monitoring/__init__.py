"""Monitoring: a snapshot of the deployment's figures, alarm rules, and texts to the technical contact."""
