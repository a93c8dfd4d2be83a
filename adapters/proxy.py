"""Which proxy a platform is reached through: the one that is configured, else the machine's.

Both client libraries read the machine's settings by themselves, each in its own way and one of them not at
all; here they are read once, and what cannot be used is said in one line that names it.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from bot.setup.config import ConfigError

SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy by its address; `source` is the setting or variable that names it."""

    url: str
    source: str

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS and not HTTP."""
        return self.url.startswith("socks")


def find_proxy(url: str, setting: str, configured: str) -> Proxy | None:
    """Return the proxy for a server, None for none; "none" as `configured` ignores the machine's.

    Raises `ConfigError`, one line that names the setting or variable and not the password in it.
    """
    if configured:
        return None if configured == "none" else _checked(configured, setting)
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_direct(host):
        return None
    machine = getproxies()
    for kind in (parts.scheme, "all"):
        if kind in machine:
            return _checked(machine[kind], _source(kind))
    return None


def _checked(value: str, source: str) -> Proxy:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in SCHEMES and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        shown = value.rpartition("@")[2]
        raise ConfigError(
            f"{source} = {shown!r} is no proxy that can be used; write http://HOST:PORT or "
            "socks5://HOST:PORT, or none"
        )
    return Proxy(url, source)


def _is_direct(host: str) -> bool:
    """Say whether the machine's settings want no proxy for a host; networks such as fd00::/8 count, too."""
    if proxy_bypass(host):
        return True
    with suppress(ValueError):
        address = ip_address(host)
        return any(address in network for network in _networks())
    return False


def _networks() -> Iterator[IPv4Network | IPv6Network]:
    for part in (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(","):
        with suppress(ValueError):
            yield ip_network(part.strip(), strict=False)


def _source(kind: str) -> str:
    names = (f"{kind}_proxy", f"{kind}_proxy".upper())
    return next((name for name in names if name in os.environ), "the system's proxy")
