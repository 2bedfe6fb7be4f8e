"""``python -m statflow_http`` is the ``statflow`` command."""

from statflow_http.cli.main import main

if __name__ == "__main__":
    main()
