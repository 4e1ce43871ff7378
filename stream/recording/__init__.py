"""Recordings: audio as FLAC and events as JSON lines, readable whenever the program is killed.

    DIR/<stream>/<session>/events.jsonl             one event a line, as it went over the wire
    DIR/<stream>/<session>/audio-000000000000.flac  16 kHz mono; named by the sample it begins with

Every unbroken stretch of audio has a file of its own, so a position is the file's number plus the one in it,
and lost audio takes no room.
"""
