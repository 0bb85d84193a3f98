"""Pages about schools and attendance."""
