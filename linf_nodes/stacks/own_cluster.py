"""A dask cluster of this machine's processes that nobody else can talk to. Import it late: it needs distributed."""

import logging
import signal
from typing import Any

from distributed import Nanny, Scheduler, Security, SpecCluster, Worker

from ..errors import BadValue

_HERE = "127.0.0.1"


def own_cluster(workers: int) -> Any:
    """Scheduler and workers on this machine, a thread each.

    Whoever can send messages to a dask process can run any code in it, and ports of 127.0.0.1 are open to every user
    of the machine. So all messages are encrypted, and both ends must show a certificate that is made for this
    cluster, lives in the memory of its processes, and dies with it. No port is opened for web pages.

    Raises
    ------
    BadValue
        When cryptography, which makes the certificate, is not installed.
    """
    try:
        security = Security.temporary()
    except ImportError as error:
        raise BadValue('cryptography is not installed: pip install "linf-nodes[zarr]".') from error
    common = {"host": _HERE, "protocol": "tls://", "security": security, "silence_logs": logging.CRITICAL}
    scheduler = {"cls": QuietScheduler, "options": {k: v for k, v in common.items() if k != "silence_logs"}}
    worker = {"cls": Nanny, "options": {**common, "nthreads": 1, "worker_class": QuietWorker}}
    return SpecCluster(
        workers=dict.fromkeys(range(workers), worker),
        scheduler=scheduler,
        security=security,
        silence_logs=logging.CRITICAL,
    )


class _NoPages:
    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Open no port: dask opens one for web pages even without a dashboard, and to every user of the machine."""


class QuietScheduler(_NoPages, Scheduler):
    """A scheduler without web pages."""


class QuietWorker(_NoPages, Worker):
    """A worker without web pages, which Ctrl-C does not reach: the process that started it stops it, in order."""

    def __init__(self, *args: Any, **kwargs: Any):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        super().__init__(*args, **kwargs)
