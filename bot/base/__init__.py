"""What every layer uses: settings, logs, metrics, queues, database, encryption, and small pure helpers."""
