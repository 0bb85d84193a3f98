"""Define flows, the engine that advances them, and the commands that always work. Pure: no input or output."""
