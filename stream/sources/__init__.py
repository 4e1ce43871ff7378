"""Where audio comes from: every source yields the same Chunk."""
