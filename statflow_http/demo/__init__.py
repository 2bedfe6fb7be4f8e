"""The demo: a server of a made-up bookshop on a folder that is gone when it stops.

``shapes`` is how its numbers come about, ``filling`` puts ninety days of them into a folder, ``feeding`` goes on with
them a second at a time, ``serving`` runs the server.
"""
