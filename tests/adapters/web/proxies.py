"""nginx and Caddy in front of the web chat, as the documentation says or as a test words it."""

import asyncio
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAME = "pictures.example.org"
DOCS = (Path(__file__).parents[3] / "docs" / "reverse-proxy.md").read_text("utf-8")
PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
NGINX, CADDY, OPENSSL = (shutil.which(name, path=PLACES) for name in ("nginx", "caddy", "openssl"))
needs_nginx = pytest.mark.skipif(
    not (NGINX and OPENSSL), reason="no nginx found (Debian: nginx-light, openssl)"
)
needs_caddy = pytest.mark.skipif(not (CADDY and OPENSSL), reason="no Caddy found (Debian: caddy, openssl)")


def recipes(language: str) -> list[str]:
    """Return the recipes of the documentation: the one at the root, the one below a path."""
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


@dataclass(frozen=True, slots=True)
class Front:
    """A proxy that runs; asks as a client that knows it by its public name."""

    port: int
    client: aiohttp.ClientSession
    secure: dict[str, Any]

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, aiohttp.ClientResponse, bytes]:
        """Return status, answer and body."""
        scheme = "https" if self.secure else "http"
        headers = {"Host": NAME} | options.pop("headers", {})
        url = f"{scheme}://127.0.0.1:{self.port}{path}"
        options = self.secure | {"allow_redirects": False} | options
        async with self.client.request(method, url, headers=headers, **options) as answer:
            return answer.status, answer, await answer.read()


@asynccontextmanager
async def nginx(directory: Path, backend: str, server: str) -> AsyncIterator[Front]:
    """Run nginx with one server block."""
    port, (certificate, key) = _free(), _certificate(directory)
    server = server.replace("127.0.0.1:7860", backend.removeprefix("http://"))
    server = server.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    server = server.replace("listen 80;", f"listen 127.0.0.1:{port};")
    server = re.sub(r"/etc/letsencrypt\S*fullchain.pem", str(certificate), server)
    server = re.sub(r"/etc/letsencrypt\S*privkey.pem", str(key), server)
    temporary = "".join(f"{kind}_temp_path {directory}/{kind};" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    (directory / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {directory}/nginx.pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{server} }}"
    )
    words = [str(NGINX), "-p", str(directory), "-e", "stderr", "-c", "nginx.conf"]
    async with _running(words, port, certificate if "ssl;" in server else None) as front:
        yield front


@asynccontextmanager
async def caddy(directory: Path, backend: str, site: str) -> AsyncIterator[Front]:
    """Run Caddy with one site."""
    port, (certificate, key) = _free(), _certificate(directory)
    site = site.replace("127.0.0.1:7860", backend.removeprefix("http://"))
    site = site.replace(
        f"{NAME} {{", f"https://{NAME}:{port} {{\n\ttls {certificate} {key}\n\tbind 127.0.0.1"
    )
    options = (
        f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system {directory}/caddy\n}}\n"
    )
    (directory / "Caddyfile").write_text(options + site)
    words = [str(CADDY), "run", "--adapter", "caddyfile", "--config", str(directory / "Caddyfile")]
    async with _running(words, port, certificate) as front:
        yield front


@asynccontextmanager
async def _running(words: list[str], port: int, certificate: Path | None) -> AsyncIterator[Front]:
    process = await asyncio.create_subprocess_exec(*words, stderr=subprocess.DEVNULL)
    try:
        while not await _listens(port):
            assert process.returncode is None, f"{words[0]} ended"
            await asyncio.sleep(0.02)  # another process
        secure = {}
        if certificate:
            secure = {"ssl": ssl.create_default_context(cafile=certificate), "server_hostname": NAME}
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
            yield Front(port, client, secure)
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    writer.close()
    return True


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _certificate(directory: Path) -> tuple[Path, Path]:
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    made = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={NAME} -addext subjectAltName=DNS:{NAME}"
    subprocess.run(
        [str(OPENSSL), *made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    return certificate, key
