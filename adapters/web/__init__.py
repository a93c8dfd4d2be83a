"""The local web chat: an HTTP server and its one page."""

from adapters.web.server import WebPlatform

__all__ = ["WebPlatform"]
