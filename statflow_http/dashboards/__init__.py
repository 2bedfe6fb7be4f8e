"""Dashboards: several stats on one page, as tiles in an order that somebody chose. Nothing here knows HTTP.

Reading the source: `tiles` is what is stored, and `drafts` makes it of what somebody wrote (pure); `store` holds the
dashboards of a data folder, and `shares` the links by which others see them.
"""
