"""What is expected of a stat and what of it was unusual, for charts and for the API; the models are the engine's.

outlooks    reads a stat's past, asks the engine's models, and keeps what they say while the past is the same
overlays    lays that over the rows of a chart: a band, marks, and what happened in words; pure
"""
