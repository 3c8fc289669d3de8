"""Processes of this machine: nobody else can talk to them, and no port is open for pages."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

needs = pytest.mark.skipif(
    not (find_spec("distributed") and find_spec("cryptography")), reason="the extra zarr is not installed"
)


@needs
def test_strangers_are_refused_and_no_other_port_is_open() -> None:
    from distributed import Client, Security

    from linf_nodes.stacks.cluster import local_cluster

    with local_cluster(1, 1) as pool:
        client = pool._client
        (worker,) = client.run(os.getpid).values()
        address = client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        assert client.submit(pow, 2, 5).result() == 32
        for other, security in ((address.replace("tls", "tcp"), None), (address, Security.temporary())):
            with pytest.raises((OSError, ValueError)):
                Client(other, timeout=5, security=security)
        if Path("/proc/self/net/tcp").exists():
            ports = _listening(worker)
            assert len(ports) == 1, "the worker listens for messages, and for nothing else"
            assert len(_listening(os.getpid())) == 2, "so do the scheduler, and the nanny"
            assert {where for where, _ in (*ports, *_listening(os.getpid()))} == {"0100007F"}


def _listening(pid: int) -> set[tuple[str, str]]:
    """Address and port of the sockets at which a process listens, hexadecimal."""
    own = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        if Path(f"/proc/{pid}/net/{name}").exists()
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    ]
    found = {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own}
    return {(at.split(":")[0], at.split(":")[1]) for at in found}
