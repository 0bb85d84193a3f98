"""The conversation: flows, the engine that advances them, and the few words that always work.  Pure; no I/O."""
