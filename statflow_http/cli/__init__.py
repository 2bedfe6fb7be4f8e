"""The ``statflow`` command: `main` names every command, the other modules have them by what they are about."""
