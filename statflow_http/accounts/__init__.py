"""Who may do what: accounts, and the keys by which requests say whose they are. Nothing here knows HTTP.

Reading the source: `accounts`, `plans`, `keys` and `people` are what is stored; `key_store` makes and changes keys, and
`senders` finds by them who sent a request; `usage` counts what is sent, and `quotas` what is left of a plan;
`passwords`, `sessions` and `attempts` are how people sign in; `opening` makes and closes whole accounts.
"""
