"""Floor 4: the machine this runs on: its instructions, native code, the cache of it on disk, and threads."""
