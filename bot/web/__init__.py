"""The web process: webhooks, public pages, the console, and the simulator."""
