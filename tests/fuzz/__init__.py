"""Fuzzing of everything that reads what a client wrote: ``python -m tests.fuzz --minutes 10``."""
