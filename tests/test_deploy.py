"""What runs the bot as a service is well-formed, by each format's own checker, and names what is there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot.setup import config
from tests.bot.test_observed import expressions

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "deploy" / "zimage-bot.service"


def checker(name: str) -> str:
    """Return a checker's program, installed beside Python or on the machine; skips where there is none."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return found


def output(*command: str) -> tuple[int, str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_dockerfile_passes_its_linter() -> None:
    assert output(checker("hadolint"), "--ignore", "DL3013", "Dockerfile") == (0, "")


def test_compose_follows_its_specification() -> None:
    code, text = output(
        checker("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "compose.yaml"
    )
    assert code == 0, text


def test_prometheus_takes_its_configuration_and_the_alerts(tmp_path: Path) -> None:
    code, text = output(checker("promtool"), "check", "config", "deploy/prometheus.yml")
    assert code == 0, text
    asked = [f"({expression})" for expression in expressions()]
    rules = {"groups": [{"name": "dashboard", "rules": [{"record": f"x{at}", "expr": each}
             for at, each in enumerate(asked)]}]}  # fmt: skip
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules), "utf-8")
    code, text = output(checker("promtool"), "check", "rules", str(tmp_path / "rules.yml"))
    assert code == 0, text


def test_every_file_that_a_service_mounts_is_there() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    files = [name for name in mounted if name.startswith("./deploy")]
    assert files
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_systemd_takes_the_unit() -> None:
    # It ends with 0 for unknown keys, and names them.
    code, text = output(checker("systemd-analyze"), "verify", str(UNIT))
    lines = [line for line in text.splitlines() if UNIT.name in line]
    assert (code, lines) == (0, [])


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = [
        name for line in re.findall(r"^COPY ((?!--).+) \S+$", text, re.MULTILINE) for name in line.split()
    ]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignored, name


def test_every_setting_that_the_services_name_is_one() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    named = {name for service in services.values() for name in service.get("environment", ())}
    values = {"HOST": "0.0.0.0", "LISTEN": "0.0.0.0:9464", "URL": "tls://broker:4222"}
    found = config.load(None, {name: values.get(re.split("_", name)[-1], "x" * 20) for name in named})
    assert found.cluster.url
    assert (found.web.host, found.discord.token) == ("0.0.0.0", "x" * 20)
