"""The ``statflow`` command. Every command imports what it needs when it runs, so that ``statflow send`` starts quickly.

What goes wrong is one line on stderr and exit code 1; wrong usage is exit code 2.
"""

import click

from statflow_http.cli import bench, demo, keys, moving, plans, points, serving, store, users


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="statflow", prog_name="statflow")
def main() -> None:
    """StatFlow: a self-hosted metrics service.

    Start a server with "statflow serve".
    """


for command in (
    serving.serve,
    demo.demo,
    keys.keys,
    users.users,
    plans.plans,
    points.send,
    points.query,
    points.ls,
    store.check,
    store.backup,
    store.restore,
    moving.import_,
    moving.export,
    bench.bench,
):
    main.add_command(command)
