"""StatFlow's gunicorn worker: one event loop a process, and one commit for all requests that were ready.

A bare request costs a thread server ten times what our app does with it: two hand-overs between threads, and a pipe.
Here the loop takes every request that has arrived, runs the plain WSGI app on each, hands all their points to one
commit and then answers them. While the disk works, the loop reads the next ones. What is slow (reads, lists, exports,
large bodies) runs in a few threads, so that the loop never waits.

Reading the source: `requests` (bytes to environ) and `responses` (answers to bytes) are pure; `connection` is one
client; `turns` runs and commits; `pool` are the threads; `shell` is what gunicorn sees.
"""

from statflow_http.worker.shell import LoopWorker

__all__ = ["LoopWorker"]
