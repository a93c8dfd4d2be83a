"""The command line and the only wiring: config → store → engine → platforms → core. Nobody imports it."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from adapters.web.server import WebPlatform
from bot.core import Core
from bot.platform import Platform
from bot.replies.replies import Replies
from bot.setup import build, config, doctor, imagine, redact
from bot.setup.config import Config
from bot.setup.serving import OutOfService, Service
from bot.storage import lock
from bot.storage.database import DATABASE, UnusableDatabaseError, explained
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.types import Refused
from engine.models import profiles
from engine.runtime.process import ProcessEngine
from engine.types import EngineError, ModelProfile, image_tokens

USAGE = """usage: python -m bot [--config FILE] COMMAND

  run                                        start the bot (the default)
  imagine PROMPT [flags] --out FILE [--json] draw one picture, or as many as --count says; or into a folder
  optimize WISH                              print the precise prompt for a rough wish
  info FILE                                  print the parameters a picture carries
  doctor                                     say what stands, what is missing, and what to do about it
"""
BAD_USE = 2

log = logging.getLogger(__name__)


class UsageError(Exception):
    """The command line, or the place the bot was started in, cannot be used; the message is one line."""


class CommandError(Exception):
    """The command was understood and could not be done; the message is one line."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 failed, 2 bad usage or configuration."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        sys.exit(_command(words))
    except (config.ConfigError, UsageError, lock.UnusableDirectory, UnusableDatabaseError) as error:
        print(error, file=sys.stderr)
        sys.exit(BAD_USE)
    except OSError as error:
        print(f"{error.filename}: {lock.remedy(error)}" if error.filename else error, file=sys.stderr)
        sys.exit(BAD_USE)
    except (CommandError, EngineError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _command(words: list[str]) -> int:
    if {"-h", "--help"} & set(words[:1]):
        print(USAGE, end="")
        return 0
    path = _option(words, "--config")
    file = Path(path) if path else None
    settings = config.load(file)
    _log(settings)
    if exposed := config.exposed(file, settings):
        log.warning(exposed)
    name, rest = (words[0], words[1:]) if words else ("run", [])
    match name:
        case "run" if not rest:
            return asyncio.run(_run(settings))
        case "imagine":
            return _imagine(settings, rest)
        case "optimize" if rest:
            return asyncio.run(_optimize(settings, " ".join(rest)))
        case "info" if len(rest) == 1:
            return _info(Path(rest[0]))
        case "doctor" if not rest:
            return asyncio.run(_doctor(settings, file))
    raise UsageError(f"cannot make sense of {' '.join(words)!r}\n{USAGE}")


async def _run(settings: Config) -> int:
    """Serve until a signal says stop."""
    profile, words = profiles.profile(settings.model.name, settings.model.size), build.words(settings)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(JobStore.open(settings.data_dir))
        engine = _engine(settings, profile)
        platforms = _platforms(settings, lambda: engine.state.phase)
        stack.push_async_callback(engine.close)
        engine.start()
        core = Core(
            store=store,
            images=PictureFolder(settings.data_dir / "pictures"),
            engine=engine,
            replies=Replies(profile),
            words=words,
            settings=build.core_settings(settings, profile),
            platforms={platform.name: platform for platform in platforms},
        )
        with explained(settings.data_dir / DATABASE):
            await core.recover()
        await _serve(core, platforms)
    return 0


async def _serve(core: Core, platforms: Sequence[Platform]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows has no signal handlers on the loop; Ctrl+C raises there
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    service = Service(core, platforms)
    try:
        async with asyncio.TaskGroup() as group:
            parts = (core.run(), *service.parts(), _ready(platforms, service))
            tasks = [group.create_task(part) for part in parts]
            await stop.wait()
            for task in tasks:
                task.cancel()
    except* OutOfService as errors:
        raise CommandError(str(errors.exceptions[0])) from None


async def _ready(platforms: Sequence[Platform], service: Service) -> None:
    """Print where the bot can be met: the web chat's address once it listens, or what else is served."""
    met = ", ".join(one.name for one in platforms if not isinstance(one, WebPlatform))
    for web in (one for one in platforms if isinstance(one, WebPlatform)):
        listening = asyncio.create_task(web.started())
        failing = asyncio.create_task(service.until_out(web))
        try:
            await asyncio.wait({listening, failing}, return_when=asyncio.FIRST_COMPLETED)
            met = listening.result() if listening.done() else met
        finally:
            listening.cancel()
            failing.cancel()
    print(f"ready: {met}", flush=True)


def _imagine(settings: Config, words: list[str]) -> int:
    out = _option(words, "--out")
    as_json = "--json" in words
    text = " ".join(word for word in words if word != "--json")
    if out is None or not text:
        raise UsageError("imagine needs a prompt and --out FILE")
    if not Path(out).absolute().parent.is_dir():
        raise UsageError(f"--out {out}: there is no such folder; make it first")
    if not os.access(out if Path(out).exists() else Path(out).absolute().parent, os.W_OK):
        raise UsageError(f"--out {out}: nothing can be written there; choose another place for the picture")
    made = asyncio.run(_draw(settings, text, Path(out)))
    print(json.dumps(made, ensure_ascii=False) if as_json else "\n".join(map(_line, made)))
    return 0


async def _draw(settings: Config, text: str, out: Path) -> list[dict[str, Any]]:
    profile = profiles.profile(settings.model.name, settings.model.size)
    engine = _engine(settings, profile)
    try:
        return await imagine.imagine(
            engine, profile, text, build.defaults(settings, profile), out, partial(print, file=sys.stderr)
        )
    except Refused as refused:
        raise CommandError(Replies(profile).refused(refused, "en").text) from None
    except OSError as error:
        raise CommandError(f"--out {out}: {error.strerror}; choose another place for the picture") from None
    finally:
        await engine.close()


async def _optimize(settings: Config, wish: str) -> int:
    engine = _engine(settings, profiles.profile(settings.model.name, settings.model.size))
    try:
        print((await imagine.optimize(engine, wish)).used)
    finally:
        await engine.close()
    return 0


def _info(file: Path) -> int:
    try:
        found = imagine.info(file)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    except imagine.Unreadable as error:
        raise CommandError(f"{file}: {error}") from None
    print(json.dumps(found, ensure_ascii=False, indent=2))
    return 0


async def _doctor(settings: Config, file: Path | None) -> int:
    findings = await doctor.examine(settings, profiles.locate(settings.model.name), file)
    print("\n".join(map(str, findings)))
    return int(any(finding.grade == "problem" for finding in findings))


def _engine(settings: Config, profile: ModelProfile) -> ProcessEngine:
    one_picture = image_tokens(profile.base_size, profile.base_size)
    idle = 60 * settings.model.idle_minutes
    return ProcessEngine(build.engine_settings(settings), one_picture, idle=idle)


def _platforms(settings: Config, phase: Callable[[], str]) -> list[Platform]:
    """Return what is served: the web chat unless it is off, and every service with a token.

    A client library is imported only where it is used: each costs half a second of every start. One that
    cannot be used is left out.
    """
    wanted: dict[str, Callable[[Config], Platform]] = {}
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
            found.append(make(settings))
        except config.ConfigError:
            raise
        except Exception:
            log.exception("%s cannot be used and is left out", name)
    if not found:
        raise CommandError(f"{' and '.join(wanted)} cannot be used; the log above says why")
    return found


def _discord(settings: Config) -> Platform:
    from adapters.discord import DiscordPlatform

    return DiscordPlatform(settings.discord, settings.data_dir)


def _telegram(settings: Config) -> Platform:
    from adapters.telegram import TelegramPlatform

    return TelegramPlatform(settings.telegram)


def _web(phase: Callable[[], str], settings: Config) -> WebPlatform:
    try:
        return WebPlatform(settings.web, settings.data_dir, engine=phase)
    except ValueError as error:
        raise config.ConfigError(str(error)) from None


def _option(words: list[str], name: str) -> str | None:
    """Take `name VALUE` out of `words`; the rest may be flags of the prompt and stays in order."""
    if name not in words:
        return None
    place = words.index(name)
    if place + 1 == len(words):
        raise UsageError(f"{name} needs a value")
    del words[place]
    return words.pop(place)


def _log(settings: Config) -> None:
    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # These tell of every single poll, and of every proxy's error page with a traceback.
    logging.getLogger("httpx").setLevel(max(level, logging.WARNING))
    logging.getLogger("telegram.request").setLevel(logging.CRITICAL)
    redact.install(settings.secrets())


def _line(made: dict[str, Any]) -> str:
    size, seed = f"{made['width']}×{made['height']}", made["seed"]
    return f"{made['file']}: {made['used_prompt']} ({size}, seed {seed}, {made['seconds']} s)"


if __name__ == "__main__":
    main()
