"""The local web chat: an HTTP server and its one page."""

from adapters.web.server import WebPlatform
from adapters.web.settings import WebSettings

__all__ = ["WebPlatform", "WebSettings"]
