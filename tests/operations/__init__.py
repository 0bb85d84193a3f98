"""How the program is run: its log, metrics, alarms, and what the runbook promises."""
