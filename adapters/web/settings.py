"""Where the web chat listens and whom it lets in. Knows no request."""

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebSettings:
    """`host` and `port` to listen on; port 0 takes a free one.

    `token` lets other machines in and is required on any address but loopback. `hosts` are the public names
    (no port) under which browsers reach the server, through a reverse proxy or the local name service.

    Raises ValueError where `host` is not loopback and `token` is empty.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    token: str = ""
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and not self.token:
            raise ValueError(
                f"web.host {self.host} can be reached from other machines and needs web.token: "
                "set a long random token, or listen on 127.0.0.1"
            )


def is_loopback(host: str) -> bool:
    """Return whether `host`, a name or an address without port and brackets, means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
