"""The live program: sources of audio, the engine, sinks of events, and the commands around them."""
