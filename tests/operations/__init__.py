"""Operating the program: its log, metrics, alarms, and the promises of the runbook."""
