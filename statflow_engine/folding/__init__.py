"""How the journal becomes rings: folded, closed, rolled up, sealed, purged."""
