"""The command line and the only wiring: config → store → engine → platforms → core. Nobody imports it."""

import signal

if __name__ == "__main__":
    # Ctrl+C ends the program without a word while the rest is imported.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncio
import importlib.util
import locale
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from getpass import getpass
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.core import Core
from bot.locales.texts import DEFAULT, Texts
from bot.platform import Platform
from bot.replies.replies import Replies
from bot.setup import backup, build, config, imagine, redact
from bot.setup.config import Config, DiscordConfig, TelegramConfig
from bot.setup.serving import OutOfService, Service
from bot.storage import lock
from bot.storage.database import DATABASE, UnusableDatabaseError, explained
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.types import Refused
from engine import output
from engine.files import hub
from engine.models import profiles, sources
from engine.progress import bars
from engine.runtime.process import EngineState, ProcessEngine
from engine.types import EngineError, ModelProfile, Optimize, Worker, image_tokens

if TYPE_CHECKING:
    from bot.setup import wizard
    from bot.setup.doctor import Finding
    from engine.cluster.engine import ClusterEngine

BAD_USE = 2

log = logging.getLogger(__name__)
app = typer.Typer(
    help="A bot that turns messages into pictures. Without a command it starts.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
FLAGS_PASS = {"ignore_unknown_options": True}
"""What a prompt may hold, such as --seed, is no option of the command line."""
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration; without it ./config.toml, if there."),
]


class UsageError(Exception):
    """The command line, or the place the bot was started in, cannot be used; the message is one line."""


class CommandError(Exception):
    """The command was understood and could not be done; the message is one line."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 failed, 2 bad usage or configuration, 130 stopped by Ctrl+C."""
    output.never_fail()
    try:
        app(argv)
    except (config.ConfigError, UsageError, lock.UnusableDirectory, UnusableDatabaseError) as error:
        print(error, file=sys.stderr)
        sys.exit(BAD_USE)
    except OSError as error:
        print(f"{error.filename}: {lock.remedy(error)}" if error.filename else error, file=sys.stderr)
        sys.exit(BAD_USE)
    except (CommandError, EngineError, backup.BackupError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        print("zimage-bot", metadata.version("zimage-bot"))
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    file: ConfigFile = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = file
    if context.invoked_subcommand is None:
        _run(context)


@app.command("run")
def _run(context: typer.Context, file: ConfigFile = None) -> None:
    """Start the bot, until Ctrl+C."""
    asyncio.run(_serve(_settings(context, file, serves=True)))


@app.command("setup")
def _setup(context: typer.Context, file: ConfigFile = None) -> None:
    """Ask for model and tokens, check them, write the configuration."""
    from bot.setup import wizard

    path = file or context.obj or config.DEFAULT_FILE
    if not os.access(path.absolute().parent, os.W_OK):
        raise UsageError(f"{path}: nothing can be written there; name another place by --config")
    settings = config.load(path) if path.exists() else Config()
    _log(settings, serves=False)
    questions = wizard.Wizard(_outside(settings), texts := Texts(), language := _locale())
    if changes := asyncio.run(questions.run(settings)):
        wizard.write(path, changes)
        print(texts.say(language, "setup-written", file=str(path)))
    else:
        print(texts.say(language, "setup-unchanged"))
    python, here = Path(sys.executable), Path.cwd()
    named = "" if path == config.DEFAULT_FILE else f" --config {path}"
    shown = python.relative_to(here) if python.is_relative_to(here) else python
    print(texts.say(language, "setup-start", command=f"{shown} -m bot run{named}"))


@app.command("doctor")
def _doctor(context: typer.Context, file: ConfigFile = None) -> None:
    """Check this machine and the configuration."""
    settings = _settings(context, file)
    findings = asyncio.run(_examine(settings, file or context.obj))
    print("\n".join(map(str, findings)))
    if any(finding.grade == "problem" for finding in findings):
        raise typer.Exit(1)


@app.command("imagine", context_settings=FLAGS_PASS)
def _imagine(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="PROMPT", hidden=True)],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The picture's file, or a folder; several are numbered.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was drawn, and how, as JSON.")] = False,
    file: ConfigFile = None,
) -> None:
    """Draw a prompt.

    The prompt may hold flags, as in a chat: --seed 7 --ar 16:9 --count 2.
    """
    settings = _settings(context, file)
    prompt = " ".join(words)
    if not prompt.strip():
        raise UsageError("imagine needs a prompt")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: there is no such folder; make it first")
    if not os.access(out if out.exists() else out.absolute().parent, os.W_OK):
        raise UsageError(f"--out {out}: nothing can be written there; choose another place for the picture")
    if not out.is_dir() and out.suffix.lower() not in imagine.FORMS:
        forms = ", ".join(filter(None, imagine.FORMS))
        raise UsageError(f"--out {out}: pictures are written as {forms}, not as {out.suffix}")
    pictures = asyncio.run(_draw(settings, prompt, out))
    print(output.json_text(pictures) if as_json else "\n".join(map(_line, pictures)))


@app.command("optimize", context_settings=FLAGS_PASS)
def _optimize(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="PROMPT", hidden=True)],
    file: ConfigFile = None,
) -> None:
    """Print the precise prompt for a rough one, in any language."""
    settings, prompt = _settings(context, file), " ".join(words)
    if not prompt.strip():
        raise UsageError("optimize needs a prompt")
    print(asyncio.run(_rewrite(settings, prompt)))


@app.command("info")
def _info(
    context: typer.Context,
    picture: Annotated[Path, typer.Argument(metavar="FILE", help="A PNG, JPEG or WebP file.")],
    file: ConfigFile = None,
) -> None:
    """Print the parameters a picture carries, as JSON."""
    _settings(context, file)
    try:
        found = imagine.info(picture)
    except OSError as error:
        raise UsageError(f"{picture}: {error.strerror}") from None
    except imagine.Unreadable as error:
        raise CommandError(f"{picture}: {error}") from None
    print(output.json_text(found, indent=2))


@app.command("backup")
def _backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write, such as bot.zip.")],
    pictures: Annotated[bool, typer.Option(help="With pictures, or the database and keys alone.")] = True,
    file: ConfigFile = None,
) -> None:
    """Write the data folder into one file, also while the bot runs."""
    settings = _settings(context, file)
    size = backup.backup(settings.data_dir, target, pictures)
    print(f"{target}: {size / 1024**2:,.1f} MiB")


@app.command("restore")
def _restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="An archive that backup wrote.")],
    file: ConfigFile = None,
) -> None:
    """Put a backup back into the data folder; stop the bot first."""
    settings = _settings(context, file)
    before = backup.restore(settings.data_dir, source)
    print(f"restored into {settings.data_dir}" + (f"; what was there is in {before}" if before else ""))


@app.command("worker")
def _worker(context: typer.Context, file: ConfigFile = None) -> None:
    """Draw for a bot on another machine, until Ctrl+C; [cluster] says for which."""
    asyncio.run(_work(_in_cluster(_settings(context, file, serves=True))))


fleet = typer.Typer(
    help="Show who draws in the cluster, or make its broker's files.", invoke_without_command=True
)
app.add_typer(fleet, name="cluster")


@fleet.callback()
def _cluster(context: typer.Context, file: ConfigFile = None) -> None:
    if context.invoked_subcommand is not None:
        return
    settings = _in_cluster(_settings(context, file))
    from bot.setup import cluster
    from engine.cluster.broker import BrokerError

    profile = _profile(settings)
    try:
        workers = asyncio.run(cluster.present(settings))
    except BrokerError as error:
        raise CommandError(str(error)) from None
    print(cluster.table(workers, profile, cluster.lane_of(settings, profile)))


@fleet.command("init")
def _cluster_init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go, or are already.")],
    host: Annotated[list[str], typer.Option(help="A name or address of the broker's machine.")] = [],  # noqa: B006
    bot: Annotated[list[str], typer.Option(help="A bot's name.")] = ["bot"],  # noqa: B006
    worker: Annotated[list[str], typer.Option(help="A worker's name.")] = [],  # noqa: B006
) -> None:
    """Write a broker's configuration, its certificates, and credentials for each bot and worker.

    Run again on the same folder, it adds workers, and with --host it makes a new certificate.
    """
    _has_cluster_extra()
    from bot.setup import cluster_files

    print(cluster_files.init(folder, host, bot, worker))


def _in_cluster(settings: Config) -> Config:
    """Return the settings of a machine in a cluster; raises `UsageError` for any other."""
    if not settings.cluster.url:
        raise UsageError(
            "cluster.url is not set: it names the broker, as in tls://HOST:4222 (docs/scaling.md)"
        )
    _has_cluster_extra()
    return settings


def _has_cluster_extra() -> None:
    missing = [name for name in ("nats", "cryptography") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError("the cluster needs more packages: pip install 'zimage-bot[cluster]'")


async def _work(settings: Config) -> None:
    from bot.setup import cluster, doctor
    from engine.cluster.broker import BrokerError

    profile = _profile(settings)
    found, stop = await doctor.probe(settings), _stop_signal()
    model = _engine(settings, profile)
    try:
        device = str(found.get("name", ""))
        joined = partial(print, "ready:", flush=True)
        await cluster.work(settings, profile, model, device, stop.wait, joined)
    except BrokerError as error:
        raise CommandError(str(error)) from None
    finally:
        await model.close()


def _outside(settings: Config) -> "wizard.Outside":
    from bot.setup import doctor, wizard

    def fault(name: str) -> str:
        try:
            _profile(replace(settings, model=replace(settings.model, name=name)))
        except UsageError as error:
            return str(error)
        return ""

    return wizard.Outside(
        ask=_ask,
        show=print,
        look=lambda name: doctor.probe(replace(settings, model=replace(settings.model, name=name))),
        fault=fault,
        size=lambda name: asyncio.to_thread(hub.download_size, name),
        check={
            "discord": lambda token: _ask_platform("discord", replace(settings.discord, token=token)),
            "telegram": lambda token: _ask_platform("telegram", replace(settings.telegram, token=token)),
        },
    )


def _ask(question: str, is_hidden: bool) -> str:
    """Return what the person types; nothing at the end of the input."""
    # asyncio's own handler would let Ctrl+C wait for the end of the line.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return getpass(question) if is_hidden and sys.stdin.isatty() else input(question)
    except EOFError:
        print()
        return ""
    finally:
        signal.signal(signal.SIGINT, before)


def _settings(context: typer.Context, file: Path | None, serves: bool = False) -> Config:
    """Load the configuration that is named before or after the command, and start the log."""
    file = file or context.obj
    settings = config.load(file)
    _log(settings, serves)
    if exposed := config.exposed(file, settings):
        log.warning(exposed)
    return settings


def _log(settings: Config, serves: bool) -> None:
    """Start the log. What a command has to say is its output: unless it `serves`, only faults are logged."""
    level = getattr(logging, settings.log_level.upper())
    if level == logging.INFO and not serves:
        level = logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # These log every single poll, and every proxy's error page with a traceback.
    logging.getLogger("httpx").setLevel(max(level, logging.WARNING))
    logging.getLogger("telegram.request").setLevel(logging.CRITICAL)
    redact.install(settings.secrets())


async def _serve(settings: Config) -> None:
    """Serve until a signal says stop."""
    profile = _profile(settings)
    banned_words = build.banned_words(settings)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(JobStore.open(settings.data_dir))
        engine, workers = _drawing(settings, profile)
        replies = Replies(profile)
        platforms = _platforms(settings, replies, lambda: _phase(engine.state))
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
        await _keep_serving(core, platforms)


def _stop_signal() -> asyncio.Event:
    """Return what is set once a signal asks this process to end."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows has no signal handlers on the loop; Ctrl+C raises there
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _keep_serving(core: Core, platforms: Sequence[Platform]) -> None:
    stop = _stop_signal()
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


def _phase(state: EngineState) -> str:
    """Return what the engine is doing; loading once more after it failed is `recovering`."""
    return "recovering" if state.phase == "loading" and state.message else state.phase


async def _ready(platforms: Sequence[Platform], service: Service) -> None:
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
    also = [f"also: {url}" for web in platforms if isinstance(web, WebPlatform) for url in web.elsewhere]
    print("\n".join((f"ready: {served}", *also)), flush=True)


async def _examine(settings: Config, file: Path | None) -> "list[Finding]":
    """Examine the machine, the files and, as far as they can be asked, the platforms."""
    from bot.setup import doctor

    where = _model_folder(settings)
    questions = [
        _ask_platform(name, getattr(settings, name))
        for name in ("discord", "telegram")
        if getattr(settings, name).token
    ]
    if settings.cluster.url:
        questions.append(_or_problem("cluster", _ask_cluster(settings), settings.secrets()))
    asking = asyncio.gather(*questions)
    device = await doctor.probe(settings)
    size = None if where else await asyncio.to_thread(hub.download_size, settings.model.name)
    asked = [finding for findings in await asking for finding in findings]
    return doctor.examine(device, settings, where, file, size, asked)


async def _ask_platform(name: str, settings: DiscordConfig | TelegramConfig) -> "list[Finding]":
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
    _has_cluster_extra()
    from bot.setup import cluster

    return await cluster.examine(settings, _profile(settings))


async def _draw(settings: Config, text: str, out: Path) -> list[dict[str, Any]]:
    profile = _profile(settings)
    engine = _engine(settings, profile)
    try:
        with bars() as show:
            return await imagine.imagine(engine, profile, text, build.defaults(settings, profile), out, show)
    except Refused as refused:
        raise CommandError(Replies(profile).refused(refused, _locale()).text) from None
    except OSError as error:
        raise CommandError(f"--out {out}: {error.strerror}; choose another place for the picture") from None
    finally:
        await engine.close()


async def _rewrite(settings: Config, prompt: str) -> str:
    from engine.prompts import ruled

    profile = _profile(settings)
    if by_rules := ruled(build.engine_settings(settings), profile):
        return by_rules.prepare(Optimize(prompt)).used
    engine = _engine(settings, profile)
    try:
        return (await imagine.optimize(engine, prompt)).used
    finally:
        await engine.close()


def _model_folder(settings: Config) -> Path | None:
    """Return the folder of the model's own layout where all of the model is on this machine, else None."""
    with suppress(EngineError):
        files = sources.here(build.engine_settings(settings))
        return files.base if files else None
    return None


def _profile(settings: Config) -> ModelProfile:
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
) -> "tuple[ProcessEngine | ClusterEngine, Callable[[], Sequence[Worker]]]":
    """Return what draws for a bot that serves, this machine or its cluster, and what names the workers."""
    if not settings.cluster.url:
        return _engine(settings, profile), tuple
    _has_cluster_extra()
    from bot.setup import cluster

    engine = cluster.engine(settings, profile)
    return engine, lambda: cluster.workers(engine, profile)


def _engine(settings: Config, profile: ModelProfile) -> ProcessEngine:
    one_picture = image_tokens(profile.base_size, profile.base_size)
    idle = 60 * settings.model.idle_minutes
    return ProcessEngine(build.engine_settings(settings), one_picture, idle=idle)


def _platforms(settings: Config, replies: Replies, phase: Callable[[], str]) -> list[Platform]:
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
        folder = Path(settings.model.loras)
        files = folder.rglob("*.safetensors") if settings.model.loras else ()
        loras = sorted(file.relative_to(folder).with_suffix("").as_posix() for file in files)
        return WebPlatform(settings.web, settings.data_dir, replies, engine=phase, loras=loras)
    except ValueError as error:
        raise config.ConfigError(str(error)) from None


def _locale() -> str:
    """Return the language to print in: the terminal's or the system's, where the terminal has its letters."""
    named = filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG")))
    found = (next(named, None) or locale.getlocale()[0] or DEFAULT).partition(".")[0].replace("_", "-")
    # Windows says "Chinese (Simplified)_China".
    tag = {"Chinese": "zh", "Japanese": "ja"}.get(found.partition("-")[0].partition(" ")[0], found)
    try:
        Texts().say(tag, "help-intro").encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return DEFAULT
    return tag


def _line(picture: dict[str, Any]) -> str:
    how = "{width}×{height}, seed {seed}, {seconds} s".format_map(picture)
    return f"{picture['file']}: {picture['used_prompt']} ({how})"


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    finally:
        # The same while the interpreter tidies up.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
