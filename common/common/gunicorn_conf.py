"""How every REST service runs: several worker processes (WEB_CONCURRENCY) with threads.

gunicorn -c python:common.gunicorn_conf --bind 0.0.0.0:5000 "src.app:create_app()"
"""

import ctypes
import os
import signal
from typing import Any

from prometheus_client import multiprocess, values

from common import garbage, logs

worker_class = "common.serving.Worker"
logger_class = "common.serving.Logger"
threads = 32  # of which half may linger on a connection that has no request
backlog = 2048
keepalive = 75
timeout = 30
graceful_timeout = 10
reload = os.environ.get("FLASK_DEBUG") == "1"
worker_tmp_dir = "/dev/shm"  # nosec B108 # gunicorn makes files of its own in it by mkstemp
accesslog = None
control_socket_disable = True  # one file in the home folder, the same for every service
logconfig_dict = logs.config("gunicorn")
logs.configure("gunicorn")  # until the app is there: its own line for whatever Python says


_PR_SET_PDEATHSIG = 1  # prctl(2)


def post_fork(server: Any, worker: Any) -> None:
    """End with the master: a worker that outlived it would keep the port from the next one."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def child_exit(server: Any, worker: Any) -> None:
    """Drop a dead worker's gauges from the shared metrics (prometheus_client multiprocess)."""
    if values.ValueClass is not values.MutexValue:
        multiprocess.mark_process_dead(worker.pid)


def post_worker_init(worker: Any) -> None:
    """See gunicorn's server hooks: the app is loaded, and no request was taken yet."""
    garbage.spare_what_is_here()
