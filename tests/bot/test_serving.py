"""A platform that fails ends neither the core nor the others; the operator is warned once, with a remedy."""

import asyncio
import errno
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
import segno

from bot import wiring
from bot.fake import FakePlatform
from bot.replies.replies import Replies
from bot.setup.config import Config, ConfigError, DiscordConfig, TelegramConfig, WebConfig
from bot.setup.serving import FIRST_PAUSE, LAST_PAUSE, STEADY, OutOfService, Service
from engine.runtime.process import EngineState
from tests.adapters.telegram.server import TOKEN, telegram
from tests.bot.harness import PROFILE, bot_harness
from tests.running import running


class Failing(FakePlatform):
    """A platform whose runs fail with `failures`, one after the other, and which then serves."""

    def __init__(self, name: str, *failures: BaseException | None, lasting: float = 0.0) -> None:
        super().__init__(name)
        self.serves = asyncio.Event()
        self.runs = 0
        self.now = 0.0
        self._failures = list(failures)
        self._lasting = lasting

    async def run(self, core: Any) -> None:
        self.runs += 1
        self.now += self._lasting
        if self._failures:
            if (failure := self._failures.pop(0)) is not None:
                raise failure
            return
        self.serves.set()
        await super().run(core)


@pytest.fixture
def paused() -> list[float]:
    return []


async def serve(paused: list[float], *platforms: FakePlatform, until: Callable[[Service], Any]) -> Service:
    """Run platforms until something is so; return their service."""

    async def sleep(seconds: float) -> None:
        paused.append(seconds)
        await asyncio.sleep(0)

    now = next((one for one in platforms if isinstance(one, Failing)), Failing("nobody"))
    service = Service(None, platforms, sleep, lambda: now.now)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part) for part in service.parts()]
        await until(service)
        for task in tasks:
            task.cancel()
    return service


async def served(*platforms: Failing) -> None:
    await asyncio.gather(*(platform.serves.wait() for platform in platforms))


BAD = ConfigError("chat.token is not accepted; copy it anew")
TAKEN = OSError(errno.EADDRINUSE, "error while attempting to bind on address ('127.0.0.1', 7860)")


async def test_a_bad_token_is_logged_once_and_is_that_platforms_alone(
    paused: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = Failing("chat", BAD), Failing("web")
    await serve(paused, bad, good, until=lambda service: asyncio.gather(served(good), service.until_out(bad)))
    assert [record.getMessage() for record in caplog.records] == [f"chat is out: {BAD}"]
    assert (bad.runs, paused) == (1, [])


@pytest.mark.parametrize(
    "failure", [RuntimeError("a bug"), ConnectionError("no network"), asyncio.CancelledError(), None]
)
async def test_whatever_else_a_platform_ends_with_it_is_started_again(
    paused: list[float], failure: BaseException | None
) -> None:
    failing, good = Failing("chat", failure, failure), Failing("web")
    service = await serve(paused, failing, good, until=lambda _: served(failing, good))
    assert (failing.runs, paused, service.out) == (3, [FIRST_PAUSE, 2 * FIRST_PAUSE], {})


async def test_a_platform_that_fails_for_long_is_started_ever_more_rarely(paused: list[float]) -> None:
    failing = Failing("chat", *[RuntimeError()] * 9)
    await serve(paused, failing, until=lambda _: served(failing))
    assert paused[-1] == LAST_PAUSE


async def test_a_failure_after_a_minute_of_service_is_the_first_again(paused: list[float]) -> None:
    failing = Failing("chat", *[RuntimeError()] * 3, lasting=STEADY + 1)
    await serve(paused, failing, until=lambda _: served(failing))
    assert paused == [FIRST_PAUSE] * 3


async def test_a_token_that_was_good_for_a_minute_is_tried_once_more(paused: list[float]) -> None:
    failing, good = Failing("chat", BAD, lasting=STEADY + 1), Failing("web")
    service = await serve(paused, failing, good, until=lambda _: served(failing))
    assert (failing.runs, service.out) == (2, {})


async def test_an_address_in_use_is_that_platforms_alone_and_tried_again(
    paused: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    taken, good = Failing("web", TAKEN), Failing("chat")
    await serve(paused, taken, good, until=lambda _: served(taken, good))
    assert "web: Address already in use; set web.host and web.port, or stop the other" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("failure", [BAD, TAKEN, socket.gaierror(-2, "Name or service not known")])
async def test_the_last_platform_ends_the_service_with_one_line(
    paused: list[float], failure: Exception
) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await serve(
            paused, Failing("web", failure), Failing("chat", BAD), until=lambda _: asyncio.Event().wait()
        )
    [over] = caught.value.exceptions
    assert isinstance(over, OutOfService)
    assert str(BAD) in str(over)
    assert "\n" not in str(over)


def test_a_library_that_cannot_even_be_used_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(settings: Config, replies: Replies) -> Any:
        raise ImportError("no such library")

    monkeypatch.setattr(wiring, "_discord", broken)
    settings = Config(data_dir=tmp_path, discord=DiscordConfig("x"), telegram=TelegramConfig("1:x"))
    served = wiring.platforms_of(settings, Replies(PROFILE), lambda: "ready")
    assert [one.name for one in served] == ["web", "telegram"]
    assert "discord cannot be used and is left out" in caplog.text
    alone = Config(web=WebConfig(enabled=False), discord=DiscordConfig("x"))
    with pytest.raises(wiring.CommandError, match="discord cannot be used"):
        wiring.platforms_of(alone, Replies(PROFILE), lambda: "ready")


@pytest.mark.torch
async def test_the_web_chat_serves_on_when_telegram_withdraws_the_token(tmp_path: Path) -> None:
    async with telegram() as server:
        base = {"TELEGRAM__TOKEN": TOKEN, "TELEGRAM__BASE_URL": f"{server.url}/bot"}
        async with running(tmp_path, **base) as bot:
            await server.until(lambda: server.offsets)
            await server.revoke(401)
            job = await bot.say("a blue house --steps 1")
            await bot.until(job, "delivered")
            bot.process.send_signal(signal.SIGTERM)
            await bot.process.wait()
            assert bot.process.returncode == 0


@pytest.mark.torch
async def test_the_web_chat_serves_beside_tokens_that_nobody_accepts(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:1/bot"
    async with running(
        tmp_path, TELEGRAM__TOKEN="no token", DISCORD__TOKEN="no token", TELEGRAM__BASE_URL=nowhere
    ) as bot:
        job = await bot.say("a blue house --steps 1")
        await bot.until(job, "delivered")
        bot.process.send_signal(signal.SIGTERM)
        await bot.process.wait()
        assert bot.process.returncode == 0


class Card(NamedTuple):
    """A network card's address, as psutil lists it."""

    family: socket.AddressFamily
    address: str


async def announced(directory: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that a start on all networks prints."""
    async with bot_harness(directory / "home") as home:
        settings = Config(data_dir=directory, web=WebConfig(host="0.0.0.0", port=0, token="a long token"))
        platforms = wiring.platforms_of(settings, Replies(PROFILE), lambda: "ready")
        service = Service(home.core, platforms)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part) for part in service.parts()]
            await wiring.ready(platforms, service)
            for task in tasks:
                task.cancel()
    return capsys.readouterr().out.splitlines()


async def test_every_address_on_the_networks_is_announced_where_the_page_listens_on_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    networks = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith(("127.", "169.254."))
    ]
    first, *others = await announced(tmp_path, capsys)
    port = first.removeprefix("ready: http://127.0.0.1:")
    assert sorted(others) == sorted(f"also: http://{host}:{port}" for host in networks)


@pytest.mark.parametrize(("columns", "is_shown"), [("80", True), ("20", False)])
async def test_a_terminal_shows_the_code_of_an_address_where_it_is_wide_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    columns: str, is_shown: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"eth0": [Card(socket.AF_INET, "192.168.178.20")]})
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", columns)
    _, other, *code = await announced(tmp_path, capsys)
    dark = {" ": "11", "▀": "01", "▄": "10", "█": "00"}
    halves = ["".join(dark[each][half] for each in line[2:-2]) for line in code for half in (0, 1)]
    modules = segno.make(other.removeprefix("also: "), micro=False).matrix
    assert halves[2 : 2 + len(modules)] == (["".join(map(str, row)) for row in modules] if is_shown else [])


@pytest.mark.parametrize(
    ("state", "phase"),
    [(EngineState("loading"), "loading"), (EngineState("loading", "no memory"), "recovering"),
     (EngineState("failed", "no memory"), "failed"), (EngineState("ready"), "ready")],
)  # fmt: skip
def test_health_tells_the_first_loading_from_one_after_a_failure(state: EngineState, phase: str) -> None:
    assert wiring.phase(state) == phase


async def test_others_are_announced_where_the_web_chats_port_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with bot_harness(tmp_path / "home") as home:
            settings = Config(data_dir=tmp_path, web=WebConfig(port=taken.getsockname()[1]))
            platforms = [*wiring.platforms_of(settings, Replies(PROFILE), lambda: "ready"), Failing("chat")]
            service = Service(home.core, platforms)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part) for part in service.parts()]
                await wiring.ready(platforms, service)
                for task in tasks:
                    task.cancel()
    assert capsys.readouterr().out == "ready: chat\n"
