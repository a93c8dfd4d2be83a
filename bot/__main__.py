"""The command line: each command with its help, what it prints and how it ends. Nobody imports it."""

import signal
import sys
from pathlib import Path

if __name__ == "__main__" or Path(sys.argv[0]).name.startswith("zimage-bot"):
    # Ctrl+C ends the program without a word while the rest is imported.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncio
import io
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from getpass import getpass
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import wiring
from bot.locales.texts import Texts
from bot.setup import backup, config, imagine, redact
from bot.setup.config import Config
from bot.setup.log_stream import LogStream
from bot.storage import lock
from bot.storage.database import UnusableDatabaseError
from bot.wiring import CommandError, UsageError
from engine import output
from engine.progress import bars
from engine.types import EngineError

if TYPE_CHECKING:
    from bot.setup import wizard

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


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 failed, 2 bad usage or configuration, 130 stopped by Ctrl+C."""
    output.never_fail()
    try:
        app(argv)
    except (config.ConfigError, UsageError, lock.UnusableDirectory, UnusableDatabaseError) as error:
        print(error, file=sys.stderr)
        sys.exit(BAD_USE)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}" if error.filename else error, file=sys.stderr)
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
    asyncio.run(wiring.serve(_settings(context, file, serves=True)))


@app.command("setup")
def _setup(context: typer.Context, file: ConfigFile = None) -> None:
    """Ask for model and tokens, check them, write the configuration."""
    from bot.setup import wizard

    path = file or context.obj or config.DEFAULT_FILE
    if not os.access(path.absolute().parent, os.W_OK):
        raise UsageError(f"{path}: nothing can be written there; name another place by --config")
    settings = config.load(path) if path.exists() else Config()
    _log(settings, serves=False)
    _use_mirror(settings)
    questions = wizard.Wizard(_outside(settings), texts := Texts(), language := wiring.terminal_locale())
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
    findings = asyncio.run(wiring.examine(settings, file or context.obj))
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
    prompt = _prompt("imagine", words)
    if not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: there is no such folder; make it first")
    if not os.access(out if out.exists() else out.absolute().parent, os.W_OK):
        raise UsageError(f"--out {out}: nothing can be written there; choose another place for the picture")
    if not out.is_dir() and out.suffix.lower() not in imagine.FORMS:
        forms = ", ".join(filter(None, imagine.FORMS))
        raise UsageError(f"--out {out}: pictures are written as {forms}, not as {out.suffix}")
    pictures = asyncio.run(wiring.draw(settings, prompt, out))
    print(output.json_text(pictures) if as_json else "\n".join(map(_line, pictures)))


@app.command("optimize", context_settings=FLAGS_PASS)
def _optimize(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="PROMPT", hidden=True)],
    file: ConfigFile = None,
) -> None:
    """Print the precise prompt for a rough one, in any language."""
    settings, prompt = _settings(context, file), _prompt("optimize", words)
    print(asyncio.run(wiring.rewrite(settings, prompt)))


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
    print(f"{target}: {size / 1024:,.0f} KiB")


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
    asyncio.run(wiring.work(_in_cluster(_settings(context, file, serves=True))))


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

    profile = wiring.profile_of(settings)
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
    wiring.check_cluster_extra()
    from bot.setup import cluster_files

    print(cluster_files.init(folder, host, bot, worker))


catalogue = typer.Typer(
    help="List what draws and writes prompts, download it, remove it.", invoke_without_command=True
)
app.add_typer(catalogue, name="models")
Form = Annotated[
    str, typer.Option(metavar="FORM", help="A form of z-image-turbo, such as q4_k; without it what suits.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As the list has it, or OWNER/REPOSITORY/FILE.")]


@catalogue.callback()
def _models(context: typer.Context, file: ConfigFile = None) -> None:
    context.obj = file or context.obj
    if context.invoked_subcommand is None:
        from bot.setup import models

        print(models.table(asyncio.run(models.listed(_settings(context, None)))))


@catalogue.command("fetch")
def _models_fetch(context: typer.Context, name: Name, form: Form = "", file: ConfigFile = None) -> None:
    """Download a model beforehand; what broke off goes on where it was."""
    settings = _settings(context, file)
    from bot.setup import models

    named = f"{name}:{form}" if form else name
    offer = asyncio.run(models.wanted(settings, named))
    print(models.amount(offer), file=sys.stderr)
    # Not in asyncio, where Ctrl+C would wait for the end of the download.
    with bars() as show:
        models.fetch(offer, show)
    print(models.setting(offer, named))


@catalogue.command("remove")
def _models_remove(context: typer.Context, name: Name, form: Form = "", file: ConfigFile = None) -> None:
    """Delete what was downloaded; what another form that is here needs stays."""
    _settings(context, file)
    from bot.setup import models

    print(f"{models.remove(f'{name}:{form}' if form else name) / 1e9:.1f} GB freed")


def _in_cluster(settings: Config) -> Config:
    """Return the settings of a machine in a cluster; raises `UsageError` for any other."""
    if not settings.cluster.url:
        raise UsageError(
            "cluster.url is not set: it names the broker, as in tls://HOST:4222 (docs/scaling.md)"
        )
    wiring.check_cluster_extra()
    return settings


def _prompt(command: str, words: Sequence[str]) -> str:
    """Return the words as one prompt; raises `UsageError` where nothing of it is seen, or it is a picture."""
    prompt = " ".join(words)
    if not "".join(filter(str.isprintable, prompt)).strip():
        raise UsageError(f"{command} needs a prompt")
    # Path.is_file raises where a text is too long for a name.
    if Path(prompt).suffix.lower() in filter(None, imagine.FORMS) and os.path.isfile(prompt):  # noqa: PTH113
        raise UsageError(
            f"{prompt} is a picture: {command} takes words; `info` prints a picture's parameters"
        )
    return prompt


def _outside(settings: Config) -> "wizard.Outside":
    from bot.setup import doctor, models, wizard

    async def size() -> int | None:
        chosen = [row for row in await models.listed(settings) if row.get("is_chosen")]
        return chosen[0]["size"] if chosen else None

    def fault(name: str) -> str:
        try:
            wiring.profile_of(replace(settings, model=replace(settings.model, name=name)))
        except UsageError as error:
            return str(error)
        return ""

    return wizard.Outside(
        ask=_ask,
        show=print,
        look=lambda name: doctor.probe(replace(settings, model=replace(settings.model, name=name))),
        fault=fault,
        size=size,
        check={
            "discord": lambda token: wiring.ask_platform("discord", replace(settings.discord, token=token)),
            "telegram": lambda token: wiring.ask_platform(
                "telegram", replace(settings.telegram, token=token)
            ),
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
    _use_mirror(settings)
    if exposed := config.exposed(file, settings):
        log.warning(exposed)
    return settings


def _use_mirror(settings: Config) -> None:
    """Have the hub's client, which reads its address when it is imported, ask another server."""
    if settings.model.mirror:
        os.environ.setdefault("HF_ENDPOINT", settings.model.mirror)


def _log(settings: Config, serves: bool) -> None:
    """Start the log. What a command has to say is its output: unless it `serves`, only faults are logged."""
    level = getattr(logging, settings.log_level.upper())
    if level == logging.INFO and not serves:
        level = logging.WARNING
    stream = LogStream(sys.stderr) if serves and isinstance(sys.stderr, io.TextIOWrapper) else None
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=stream)
    if settings.logging.format == "json":
        from bot.setup.observed import JsonFormatter

        for handler in logging.root.handlers:
            handler.setFormatter(JsonFormatter(settings.logging.prompts))
    # These log every single poll, and every proxy's error page with a traceback.
    logging.getLogger("httpx").setLevel(max(level, logging.WARNING))
    logging.getLogger("telegram.request").setLevel(logging.CRITICAL)
    redact.install(settings.secrets())


def _line(picture: dict[str, Any]) -> str:
    how = "{width}×{height}, seed {seed}, {seconds} s".format_map(picture)
    return f"{picture['file']}: {picture['used_prompt']} ({how})"


def start() -> None:
    """Be the program."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    finally:
        # Ctrl+C ends it without a word also while the interpreter tidies up.
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    start()
