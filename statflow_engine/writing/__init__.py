"""How points come in: decided, staged and committed together."""
