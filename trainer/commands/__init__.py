"""The commands of `cmlstream-train`: each parses, calls and prints. Heavy imports wait until one runs."""
