"""Who may do what: accounts, and the keys by which requests say whose they are. Nothing here knows HTTP."""
