"""Sounds that are no speech, made up: what novelty learns to tell speech from."""
