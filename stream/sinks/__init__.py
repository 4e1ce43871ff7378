"""Where events go: every sink takes the same Message."""
