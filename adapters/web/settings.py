"""Where the web chat listens and whom it lets in. Knows no request."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

HOUSEHOLD = "token"
"""The person that everybody with `web.token` is."""
SHORTEST_TOKEN = 8


@dataclass(frozen=True, slots=True)
class WebSettings:
    """`host` and `port` to listen on; port 0 takes a free one.

    Whoever has `token` is one person, and each of `people` is another with a token of their own. Without any
    token the page is this machine's alone. `hosts` are the public names (no port) under which browsers reach
    the server, through a reverse proxy or the local name service.

    Raises ValueError for a token or name that cannot be used, and where others could come in without a token.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    token: str = field(default="", repr=False)
    hosts: tuple[str, ...] = ()
    people: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name in self.people:
            if name == HOUSEHOLD or not re.fullmatch(r"[\w-]{1,64}", name):
                raise ValueError(
                    f"web.people cannot name {name!r}: take 1–64 letters, digits, - and _, "
                    f"and not {HOUSEHOLD!r}, which is whoever has web.token"
                )
        settings = {("web.token" if name == HOUSEHOLD else f"web.people.{name}"): token
                    for name, token in self.tokens.items()}  # fmt: skip
        for key, token in settings.items():
            if len(token) < SHORTEST_TOKEN:
                raise ValueError(f"{key} has fewer than {SHORTEST_TOKEN} characters: set a long random text")
            if same := next((other for other in settings if other != key and settings[other] == token), None):
                raise ValueError(f"{key} and {same} are the same token: give each person their own")
        if not settings and not is_loopback(self.host):
            raise ValueError(
                f"web.host {self.host} can be reached from other machines and needs web.token: "
                "set a long random token, or listen on 127.0.0.1"
            )
        if not settings and self.hosts:
            raise ValueError(
                f"web.hosts {', '.join(self.hosts)} opens the page to others and needs web.token: "
                "set a long random token, or leave web.hosts empty"
            )

    @property
    def tokens(self) -> Mapping[str, str]:
        """Every person's token by the person's name; empty where the page is this machine's alone."""
        return ({HOUSEHOLD: self.token} if self.token else {}) | dict(self.people)


def is_loopback(host: str) -> bool:
    """Return whether `host`, a name or an address without port and brackets, means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
