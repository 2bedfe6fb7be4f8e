"""The pure layer: arithmetic, codecs and columns. Nothing here imports lmdb, os or time, or does I/O."""
