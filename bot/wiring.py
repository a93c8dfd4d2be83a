"""A running bot put together: config → store → engine → platforms → core.

Nobody but the command line imports it.
"""

import asyncio
import gc
import importlib.util
import io
import locale
import logging
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.core import Core
from bot.locales.texts import DEFAULT, Texts, answer_locale
from bot.platform import Platform
from bot.replies import format
from bot.replies.replies import Replies
from bot.setup import build, config, imagine, redact
from bot.setup.config import Config, DiscordConfig, TelegramConfig
from bot.setup.serving import OutOfService, Service
from bot.storage.database import DATABASE, explained
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.types import Refused
from engine.files import hub
from engine.models import presets, profiles, sources
from engine.progress import bars
from engine.runtime.cards import CardsEngine, cards
from engine.runtime.process import EngineState, ProcessEngine
from engine.types import Engine, EngineError, ModelProfile, Optimize, PromptReady, Worker, image_tokens

if TYPE_CHECKING:
    from bot.setup.doctor import Finding
    from engine.cluster.engine import ClusterEngine

TWICE = 1.0
"""Seconds within which two signals are one: who ends a group of processes may send it to each as well."""

log = logging.getLogger(__name__)


class UsageError(Exception):
    """The command line, or the place the bot was started in, cannot be used; the message is one line."""


class CommandError(Exception):
    """The command was understood and could not be done; the message is one line."""


def check_cluster_extra() -> None:
    """Raise `UsageError` where the packages that a cluster needs are not installed."""
    missing = [name for name in ("nats", "cryptography") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError("the cluster needs more packages: pip install 'zimage-bot[cluster]'")


async def work(settings: Config) -> None:
    """Draw for a cluster until a signal says stop; raises `CommandError` for one that cannot be used."""
    from bot.setup import cluster, doctor
    from engine.cluster.broker import BrokerError

    profile = profile_of(settings)
    found, stopped = await doctor.probe(settings), _asked_to_end()
    model = _engine(settings, profile)
    try:
        device = str(found.get("name", ""))
        joined = partial(print, "ready:", flush=True)
        await cluster.work(settings, profile, model, device, stopped, joined)
    except BrokerError as error:
        raise CommandError(str(error)) from None
    finally:
        await model.close()


async def serve(settings: Config) -> None:
    """Serve until a signal says stop."""
    stopped = _asked_to_end()
    profile = profile_of(settings)
    banned_words = build.banned_words(settings)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(JobStore.open(settings.data_dir))
        engine, workers = _drawing(settings, profile)
        replies = Replies(profile)
        platforms = platforms_of(settings, replies, lambda: phase(engine.state))
        stack.push_async_callback(engine.close)
        engine.start()
        core = Core(
            store=store,
            images=PictureFolder(settings.data_dir / "pictures"),
            engine=engine,
            replies=replies,
            banned_words=banned_words,
            settings=build.core_settings(settings, profile),
            platforms={platform.name: platform for platform in platforms},
            workers=workers,
        )
        with explained(settings.data_dir / DATABASE):
            await core.recover()
        if settings.metrics.listen:
            from bot.setup import observed

            present = observed.Gauges(core, engine, lambda: phase(engine.state), workers, _processes(engine))
            url = await stack.enter_async_context(observed.metrics(settings.metrics.listen, present))
            log.info("metrics at %s", url)
        # What is there by now stays; to search it for garbage would stop everybody for a tenth of a second.
        gc.freeze()
        await keep_serving(core, platforms, stopped)


def _processes(engine: Engine) -> Sequence[ProcessEngine]:
    """Return what draws in processes on this machine."""
    if isinstance(engine, CardsEngine):
        return engine.engines
    return [engine] if isinstance(engine, ProcessEngine) else []


def _asked_to_end() -> Callable[[], Awaitable[None]]:
    """Return what waits for the next signal that asks this process to end; after two, one more kills it."""
    asks, loop = asyncio.Queue[None](), asyncio.get_running_loop()
    last, numbers = float("-inf"), (signal.SIGINT, signal.SIGTERM)

    def ask() -> None:
        nonlocal last
        if loop.time() < last + TWICE:
            return
        if last > 0:
            for number in numbers:
                signal.signal(number, signal.SIG_DFL)
        last = loop.time()
        asks.put_nowait(None)

    for number in numbers:
        with suppress(NotImplementedError):  # Windows has no signal handlers on the loop; Ctrl+C raises there
            loop.add_signal_handler(number, ask)
    return asks.get


async def keep_serving(
    core: Core, platforms: Sequence[Platform], stopped: Callable[[], Awaitable[object]]
) -> None:
    """Run core and platforms until `stopped` returns; raises `CommandError` once no platform is left."""
    service = Service(core, platforms)
    try:
        async with asyncio.TaskGroup() as group:
            parts = (core.run(), *service.parts(), ready(platforms, service))
            tasks = [group.create_task(part) for part in parts]
            await stopped()
            # What is on its way to a platform arrives while that one still serves.
            tasks[0].cancel()
            await asyncio.wait(tasks[:1])
            for task in tasks:
                task.cancel()
    except* OutOfService as errors:
        raise CommandError(str(errors.exceptions[0])) from None


def phase(state: EngineState) -> str:
    """Return what the engine is doing; loading once more after it failed is `recovering`."""
    return "recovering" if state.phase == "loading" and state.message else state.phase


async def ready(platforms: Sequence[Platform], service: Service) -> None:
    """Print where the bot serves: the web chat's addresses once it listens, else the other platforms."""
    from adapters.web import WebPlatform

    served = ", ".join(one.name for one in platforms if not isinstance(one, WebPlatform))
    for web in (one for one in platforms if isinstance(one, WebPlatform)):
        listening = asyncio.create_task(web.started())
        failing = asyncio.create_task(service.until_out(web))
        try:
            await asyncio.wait({listening, failing}, return_when=asyncio.FIRST_COMPLETED)
            served = listening.result() if listening.done() else served
        finally:
            listening.cancel()
            failing.cancel()
    elsewhere = [url for web in platforms if isinstance(web, WebPlatform) for url in web.elsewhere]
    print("\n".join((f"ready: {served}", *(f"also: {url}" for url in elsewhere))), flush=True)
    if elsewhere and sys.stdout.isatty():
        _show_code(elsewhere[0])


def _show_code(text: str) -> None:
    """Print a QR code where the terminal is wide enough and has the characters for it."""
    import segno

    code = io.StringIO()
    segno.make(text, micro=False).terminal(code, border=2, compact=True)
    drawn = code.getvalue()
    if len(drawn.partition("\n")[0]) > shutil.get_terminal_size().columns:
        return
    with suppress(UnicodeEncodeError):
        drawn.encode(sys.stdout.encoding)
        print(drawn, flush=True)


async def examine(settings: Config, file: Path | None) -> "list[Finding]":
    """Examine the machine, the files and, as far as they can be asked, the platforms."""
    from bot.setup import doctor

    where = model_folder(settings)
    questions = [
        ask_platform(name, getattr(settings, name))
        for name in ("discord", "telegram")
        if getattr(settings, name).token
    ]
    if settings.cluster.url:
        questions.append(_or_problem("cluster", _ask_cluster(settings), settings.secrets()))
    asking = asyncio.gather(*questions)
    device = await doctor.probe(settings)
    size = None if where else await asyncio.to_thread(hub.download_size, settings.model.name)
    answers = [finding for findings in await asking for finding in findings]
    return doctor.examine(device, settings, where, file, size, answers)


async def ask_platform(name: str, settings: DiscordConfig | TelegramConfig) -> "list[Finding]":
    async def ask() -> "list[Finding]":
        found: list[Finding] = await import_module(f"adapters.{name}.examine").examine(settings)
        return found

    return await _or_problem(name, ask(), [settings.token])


async def _or_problem(
    name: str, asking: "Awaitable[list[Finding]]", secrets: Sequence[str]
) -> "list[Finding]":
    """Return the findings of a service, or what keeps its library from asking it, without the secrets."""
    from bot.setup.doctor import Finding

    try:
        return await asking
    except UsageError as error:
        return [Finding("problem", name, str(error))]
    except Exception as error:  # noqa: BLE001 - a service's library may raise anything
        reason = redact.Redactor(secrets)(repr(error))
        return [Finding("problem", name, f"its library cannot be used: {reason}")]


async def _ask_cluster(settings: Config) -> "list[Finding]":
    check_cluster_extra()
    from bot.setup import cluster

    return await cluster.examine(settings, profile_of(settings))


async def draw(settings: Config, text: str, out: Path) -> list[dict[str, Any]]:
    profile = profile_of(settings)
    engine = _engine(settings, profile)
    try:
        with bars() as show:
            defaults, explain = build.defaults(settings, profile), Explain(profile)
            locale = terminal_locale(text)
            return await imagine.imagine(engine, profile, text, defaults, out, show, explain, locale)
    except Refused as refused:
        raise CommandError(Replies(profile).refused(refused, terminal_locale(text)).text) from None
    except OSError as error:
        raise CommandError(f"--out {out}: {error.strerror}; choose another place for the picture") from None
    finally:
        await engine.close()


async def rewrite(settings: Config, prompt: str) -> str:
    from engine.prompts import ruled

    profile, task = profile_of(settings), Optimize(prompt, locale=terminal_locale(prompt))
    folder = profiles.locate(settings.model.name, settings.model.base)
    if by_rules := ruled(build.engine_settings(settings), profile, folder):
        ready = by_rules.prepare(task)
    else:
        engine = _engine(settings, profile)
        try:
            ready = await imagine.optimize(engine, task)
        finally:
            await engine.close()
    Explain(profile)(ready)
    return ready.used


class Explain:
    """Says on stderr what became of the words of a prompt, in their language; the same only once."""

    def __init__(self, profile: ModelProfile) -> None:
        self._profile = profile
        self._explained = ""

    def __call__(self, ready: PromptReady) -> None:
        text = format.explained(Texts(), self._profile, ready, terminal_locale(ready.original))
        if text and text != self._explained:
            print(text, file=sys.stderr)
        self._explained = text


def model_folder(settings: Config) -> Path | None:
    """Return the folder of the model's own layout where all of the model is on this machine, else None."""
    with suppress(EngineError):
        files = sources.here(build.engine_settings(settings))
        return files.base if files else None
    return None


def profile_of(settings: Config) -> ModelProfile:
    """Describe the model; raises `UsageError` for what is neither on this machine nor a name on the hub."""
    name = settings.model.name
    try:
        is_file = hub.single(name) is not None
        if not is_file and profiles.locate(name) is None and (hub.folder(name) or hub.is_path(name)):
            raise UsageError(f"model.name = {name!r}: there is no such folder; {hub.ADVICE}")
        return profiles.profile(name, settings.model.size, settings.model.base)
    except EngineError as error:
        raise UsageError(f"model.name: {error}") from None


def _drawing(
    settings: Config, profile: ModelProfile
) -> "tuple[ProcessEngine | CardsEngine | ClusterEngine, Callable[[], Sequence[Worker]]]":
    """Return what draws for a bot that serves, this machine or its cluster, and what names the workers."""
    if not settings.cluster.url:
        return _engine(settings, profile), tuple
    check_cluster_extra()
    from bot.setup import cluster

    engine = cluster.engine(settings, profile)
    return engine, lambda: cluster.workers(engine, profile)


def _engine(settings: Config, profile: ModelProfile) -> ProcessEngine | CardsEngine:
    """Return the engine of this machine: one process, or one for each of several cards."""
    one_picture = image_tokens(profile.base_size, profile.base_size)
    idle = 60 * settings.model.idle_minutes
    growth = round(settings.model.max_growth_gb * 2**30)
    chosen = build.engine_settings(settings)
    devices = cards() if settings.model.device == build.ALL else []
    engines = [
        ProcessEngine(replace(chosen, device=device), one_picture, idle=idle, growth=growth)
        for device in devices or [chosen.device]
    ]
    return CardsEngine(engines) if len(engines) > 1 else engines[0]


def platforms_of(settings: Config, replies: Replies, phase: Callable[[], str]) -> list[Platform]:
    """Return what is served: the web chat unless it is off, and every service with a token.

    A client library is imported only where it is used: each costs half a second of every start. One that
    cannot be used is left out.
    """
    wanted: dict[str, Callable[[Config, Replies], Platform]] = {}
    if settings.web.enabled:
        wanted["web"] = partial(_web, phase)
    if settings.discord.token:
        wanted["discord"] = _discord
    if settings.telegram.token:
        wanted["telegram"] = _telegram
    if not wanted:
        raise UsageError("web.enabled = false leaves no platform to serve: switch it on, or set a token")
    found = []
    for name, make in wanted.items():
        try:
            found.append(make(settings, replies))
        except config.ConfigError:
            raise
        except Exception:
            log.exception("%s cannot be used and is left out", name)
    if not found:
        raise CommandError(f"{' and '.join(wanted)} cannot be used; the log above says why")
    return found


def _discord(settings: Config, replies: Replies) -> Platform:
    from adapters.discord import DiscordPlatform

    return DiscordPlatform(settings.discord, settings.data_dir, replies)


def _telegram(settings: Config, replies: Replies) -> Platform:
    from adapters.telegram import TelegramPlatform

    return TelegramPlatform(settings.telegram, replies, settings.access.admins)


def _web(phase: Callable[[], str], settings: Config, replies: Replies) -> Platform:
    from adapters.web import WebPlatform

    try:
        choices = partial(asyncio.to_thread, presets.listed, None)
        return WebPlatform(settings.web, settings.data_dir, replies, engine=phase, models=choices)
    except ValueError as error:
        raise config.ConfigError(str(error)) from None


def terminal_locale(text: str = "") -> str:
    """Return the language to print in: the terminal's or the system's, where the terminal has its letters.

    What is said of a `text` is in that one's language, as in a chat.
    """
    named = filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG")))
    found = (next(named, None) or locale.getlocale()[0] or DEFAULT).partition(".")[0].replace("_", "-")
    # Windows says "Chinese (Simplified)_China".
    tag = {"Chinese": "zh", "Japanese": "ja"}.get(found.partition("-")[0].partition(" ")[0], found)
    tag = answer_locale(text, tag)
    try:
        Texts().say(tag, "help-intro").encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return DEFAULT
    return tag
