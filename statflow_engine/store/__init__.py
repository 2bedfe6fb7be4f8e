"""The layer that touches LMDB: the environment, and what lies in it."""
