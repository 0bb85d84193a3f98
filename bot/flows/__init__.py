"""The conversation: flows, the engine that advances them, the few words that always work.  Pure; no I/O."""
