"""A cluster's configuration, the files of its broker, and who may say what there."""

import asyncio
import logging
import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bot import __main__
from bot.setup import cluster, cluster_files
from bot.setup.config import ClusterConfig, Config, ConfigError, ModelConfig, ModerationConfig
from engine.cluster.broker import Access, BrokerError, Connection
from engine.cluster.engine import ClusterEngine
from engine.cluster.presence import Presence, Present
from engine.cluster.worker import ClusterWorker
from engine.fake import FakeEngine
from engine.types import Generate, ModelProfile, Picture
from tests.contracts.engine_contract import picture
from tests.engine.cluster.fleet import LEASE, ROOT, Server, needs_broker, serving, working

PROFILE = ModelProfile("embedded", 256, 512)


def test_a_machine_without_an_address_is_in_no_cluster(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["worker"], ["cluster"]):
        with pytest.raises(SystemExit) as ended:
            __main__.main(command)
        assert ended.value.code == 2
        assert "cluster.url is not set" in capsys.readouterr().err


def test_a_bot_without_a_cluster_imports_nothing_of_it() -> None:
    code = "import sys, bot.__main__; print({'nats', 'cryptography'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_machine_without_the_extra_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZIMAGE_BOT_CLUSTER__URL", "nats://localhost:1")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for command in (["run"], ["worker"], ["cluster", "init", "broker"]):
        with pytest.raises(SystemExit) as ended:
            __main__.main(command)
        assert ended.value.code == 2
        assert "pip install 'zimage-bot[cluster]'" in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster, "REACHED", 0.2)
    monkeypatch.setenv("ZIMAGE_BOT_CLUSTER__URL", "nats://127.0.0.1:1")
    with pytest.raises(SystemExit) as ended:
        __main__.main(["cluster"])
    assert ended.value.code == 1
    assert "the broker nats://127.0.0.1:1 cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "user = 7", "user = 'a b'\npassword = 'x'", "user = 'a'"])
def test_a_file_that_holds_no_credentials_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "worker.toml").write_text(text)
    with pytest.raises(BrokerError, match=r"worker\.toml"):
        Access.read("tls://localhost:4222", tmp_path / "worker.toml")
    with pytest.raises(ConfigError, match=r"cluster\.credentials: .*cannot be read"):
        cluster.access(Config(cluster=ClusterConfig("tls://x:1", str(tmp_path / "missing.toml"))))


def test_machines_of_another_model_classifier_or_version_have_another_lane(tmp_path: Path) -> None:
    (tmp_path / "style.safetensors").touch()
    plain = Config()
    configs = [
        plain,
        Config(moderation=ModerationConfig(classifier="a/classifier")),
        Config(model=ModelConfig(loras=str(tmp_path))),
    ]
    lanes = [cluster.lane_of(config, PROFILE) for config in configs]
    lanes.append(cluster.lane_of(plain, ModelProfile("Z-Image Turbo", 1024, 2048)))
    assert len(set(lanes)) == 4
    assert (lanes[0], lanes[3]) == ("v2-embedded", "v2-Z-Image-Turbo")
    assert cluster.lane_of(Config(cluster=ClusterConfig(lane="mine")), PROFILE) == "v2-mine"


def test_doctor_names_a_broker_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "REACHED", 0.2)
    config = Config(cluster=ClusterConfig("nats://127.0.0.1:1"))
    [finding] = asyncio.run(cluster.examine(config, PROFILE))
    assert (finding.grade, finding.subject) == ("problem", "cluster")


@needs_broker
async def test_doctor_names_the_workers_of_this_bot(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        config = Config(cluster=ClusterConfig(server.url))
        lane = cluster.lane_of(config, PROFILE)
        assert [finding.grade for finding in await cluster.examine(config, PROFILE)] == ["note", "problem"]
        async with working(server.url, FakeEngine(), lane=lane, user="gpu1"):
            _, workers = await cluster.examine(config, PROFILE)
    assert workers.grade == "ok"
    assert "1 draw for v2-embedded: gpu1." in workers.text


@needs_broker
async def test_a_worker_draws_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    class Model(FakeEngine):
        async def ready(self) -> None:
            pass

    async with serving(tmp_path) as server:
        config, stop = Config(cluster=ClusterConfig(server.url), data_dir=tmp_path), asyncio.Event()
        joined: asyncio.Queue[str] = asyncio.Queue()
        model: Any = Model()
        work = cluster.work(config, PROFILE, model, "a card", stop.wait, joined.put_nowait)
        running = asyncio.create_task(work)
        assert await joined.get() == f"{server.url} v2-embedded"
        engine = cluster.engine(config, PROFILE)
        assert isinstance(await picture(engine, Generate("a cat", width=128, height=128)), Picture)
        assert [(each.device, each.drawn) for each in cluster.workers(engine, PROFILE)] == [("a card", 0)]
        stop.set()
        await running
        await engine.close()


def test_who_is_present_is_a_line_each() -> None:
    said = Presence((1024, 512), "RTX 4090", "embedded", "0.1.0", running=2, drawn=30, speed=1024.0)
    present = [Present("gpu1.ab", "v2-embedded", said, 0.0), Present("old.cd", "v0-embedded", said, 0.0)]
    assert cluster.table(present, PROFILE, "v2-embedded").splitlines() == [
        "worker   device    model     rooms       drawing  drawn  a picture  version",
        "gpu1.ab  RTX 4090  embedded  1024 + 512  2        30     2.0 s      0.1.0",
        "old.cd draws for v0-embedded, not for v2-embedded",
    ]
    assert cluster.table([], PROFILE, "v2-embedded") == "no worker draws for v2-embedded"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
def test_files_with_secrets_are_their_owner_s_alone(tmp_path: Path) -> None:
    cluster_files.init(tmp_path / "broker", ["localhost"], ["bot"], ["gpu1"])
    for path in (tmp_path / "broker").rglob("*"):
        assert path.is_dir() or path.stat().st_mode & 0o077 == 0, path


def test_a_second_run_adds_workers_and_changes_nobody_s_password(tmp_path: Path) -> None:
    cluster_files.init(tmp_path, ["localhost"], ["bot"], ["gpu1"])
    before = {path.name: path.read_text() for path in (tmp_path / "credentials").iterdir()}
    server = (tmp_path / "server.pem").read_text()
    said = cluster_files.init(tmp_path, [], ["bot"], ["gpu2"])
    after = {path.name: path.read_text() for path in (tmp_path / "credentials").iterdir()}
    assert after.keys() - before.keys() == {"gpu2.toml"}
    assert before.items() <= after.items()
    assert server == (tmp_path / "server.pem").read_text()
    passwords = [tomllib.loads(text)["password"] for text in after.values()]
    assert all(password in (tmp_path / "nats.conf").read_text() for password in passwords)
    assert not any(password in said for password in passwords)


def test_a_user_whose_file_is_deleted_is_let_in_no_longer(tmp_path: Path) -> None:
    cluster_files.init(tmp_path, ["localhost"], ["bot"], ["gpu1"])
    stolen = tmp_path / "credentials" / "gpu1.toml"
    password = tomllib.loads(stolen.read_text())["password"]
    stolen.unlink()
    cluster_files.init(tmp_path, [], ["bot"], ["gpu2"])
    assert password not in (tmp_path / "nats.conf").read_text()


@pytest.mark.parametrize(
    ("url", "is_clear"),
    [
        ("nats://broker:4222", True),
        ("ws://broker:80", True),
        ("tls://broker:4222", False),
        ("nats://127.0.0.1", False),
    ],
)
def test_a_password_in_clear_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, url: str, is_clear: bool
) -> None:
    cluster_files.init(tmp_path, ["localhost"], ["bot"], [])
    cluster.access(Config(cluster=ClusterConfig(url, str(tmp_path / "credentials" / "bot.toml"))))
    assert ("in clear" in caplog.text) == is_clear


def test_a_name_that_cannot_be_a_user_s_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be a user"):
        cluster_files.init(tmp_path, [], ["bot"], ["gpu.1"])
    with pytest.raises(ConfigError, match="is a bot already"):
        cluster_files.init(tmp_path, [], ["bot"], ["bot"])


class Site(NamedTuple):
    """A broker with TLS and users, reached by `tls` and `wss`."""

    folder: Path
    tls: str
    wss: str

    def access(self, user: str, url: str = "") -> Access:
        return Access.read(url or self.tls, self.folder / "credentials" / f"{user}.toml")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    cluster_files.init(tmp_path, ["localhost"], ["bot", "other"], ["gpu1", "gpu2"])
    web = Server(tmp_path).port
    text = (
        (tmp_path / "nats.conf")
        .read_text("utf-8")
        .replace(f'"port": {cluster_files.WEBSOCKET}', f'"port": {web}')
    )
    async with serving(tmp_path, text=text) as server:
        yield Site(tmp_path, f"tls://localhost:{server.port}", f"wss://localhost:{web}")


@needs_broker
@pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float':DeprecationWarning")  # nats-py's own
@pytest.mark.parametrize("scheme", ["tls", "wss"])
async def test_what_init_writes_is_enough_to_draw(site: Site, scheme: str) -> None:
    url = getattr(site, scheme)
    engine = ClusterEngine(site.access("bot", url), "v2-test", lease=LEASE)
    worker = ClusterWorker(site.access("gpu1", url), "v2-test", FakeEngine(), Presence(()), lease=LEASE)
    running = asyncio.create_task(worker.run())
    made = await picture(
        engine, Generate("a cat", width=1024, height=1024, init_image=b"\x89PNG" + bytes(1 << 20))
    )
    assert isinstance(made, Picture)
    await worker.leave(0)
    await running
    await engine.close()


FORBIDDEN = [
    ("gpu1", "publish", "task.v2-test.bot.1"),
    ("gpu1", "publish", "drop.bot.all"),
    ("gpu1", "publish", "who.v2-test"),
    ("gpu1", "publish", "here.v2-test.gpu2.1"),
    ("gpu1", "publish", "file.gpu2.1.1.0"),
    ("gpu1", "publish", "$JS.API.STREAM.PURGE.TASKS"),
    ("gpu1", "publish", "$JS.API.STREAM.MSG.GET.TASKS"),
    ("gpu1", "publish", "$JS.API.STREAM.MSG.DELETE.TASKS"),
    ("gpu1", "publish", "$JS.API.STREAM.DELETE.TASKS"),
    ("gpu1", "publish", "$JS.API.CONSUMER.CREATE.TASKS.mine"),
    ("gpu1", "subscribe", "task.>"),
    ("gpu1", "subscribe", "event.>"),
    ("gpu1", "subscribe", "here.>"),
    ("gpu1", "subscribe", "file.bot.>"),
    ("gpu1", "subscribe", "_INBOX.gpu2.>"),
    ("gpu1", "subscribe", ">"),
    ("bot", "publish", "task.v2-test.other.1"),
    ("bot", "publish", "drop.other.all"),
    ("bot", "publish", "event.other.1"),
    ("bot", "publish", "$JS.API.STREAM.DELETE.TASKS"),
    ("bot", "publish", "$JS.API.STREAM.PURGE.TASKS"),
    ("bot", "subscribe", "event.other.*"),
    ("bot", "subscribe", "_INBOX.other.>"),
    ("bot", "subscribe", ">"),
]


@needs_broker
async def test_nobody_may_say_or_hear_more_than_they_need(site: Site) -> None:
    refused: list[tuple[str, str, str]] = []
    for user in ("gpu1", "bot"):
        connection, rows = Connection(site.access(user), user), [row for row in FORBIDDEN if row[0] == user]
        errors: asyncio.Queue[Exception] = asyncio.Queue()
        connection._failed = errors.put  # type: ignore[method-assign]
        await connection.open()
        for _, verb, subject in rows:
            say = connection.client.publish if verb == "publish" else connection.client.subscribe
            await say(subject)
        for _ in rows:
            error = str(await errors.get())
            found = re.search(r"permissions violation for (publish|subscription) to \"([^\"]+)", error, re.I)
            assert found, error
            refused.append((user, found[1].lower().replace("subscription", "subscribe"), found[2]))
        await connection.close()
    assert sorted(refused) == sorted((user, verb, subject.lower()) for user, verb, subject in FORBIDDEN)


@needs_broker
async def test_a_worker_is_told_once_that_it_cannot_see_who_is_present(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    credentials = str(site.folder / "credentials" / "gpu1.toml")
    config = Config(cluster=ClusterConfig(site.tls, credentials))
    with pytest.raises(BrokerError, match="ask on the bot's machine"):
        await cluster.present(config)
    assert [finding.grade for finding in await cluster.examine(config, PROFILE)] == ["ok", "note"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@needs_broker
async def test_a_stranger_and_a_wrong_password_are_not_let_in(site: Site) -> None:
    ours = site.access("gpu1")
    for access in (Access(site.tls, "gpu1", "wrong", ours.ca), Access(site.tls, ca=ours.ca)):
        connection = Connection(access, "gpu1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await connection.open()
        assert "authorization violation" in connection.trouble.lower()
        await connection.close()


@needs_broker
async def test_a_broker_with_another_certificate_gets_no_password(site: Site, tmp_path: Path) -> None:
    cluster_files.init(tmp_path / "another", ["localhost"], ["bot"], ["gpu1"])
    access = Access.read(site.tls, tmp_path / "another" / "credentials" / "gpu1.toml")
    connection = Connection(access, "gpu1")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await connection.open()
    assert "certificate verify failed" in connection.trouble.lower()
    await connection.close()
