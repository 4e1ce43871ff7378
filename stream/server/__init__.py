"""The server: ingest, events, the page and health on one port; who may use them, and how much."""
