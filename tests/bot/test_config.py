"""The configuration: defaults, the file, the environment, and what a bad one says."""

import os
import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest

from bot.policy.access import Access
from bot.policy.moderation import PictureFilter
from bot.policy.role_limits import RoleLimits
from bot.setup import build, config
from bot.storage.retention import Retention
from bot.types import Params
from engine.types import EngineSettings, ModelProfile, PromptLanguage

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def test_the_example_file_names_every_setting_with_its_default() -> None:
    assert config.load(EXAMPLE, {}) == config.Config()
    table = tomllib.loads(EXAMPLE.read_text("utf-8"))
    named = {
        f"{key}.{inner}" if isinstance(value, dict) else key
        for key, value in table.items()
        for inner in (value if isinstance(value, dict) else [None])
    }
    assert named | {"rules"} == {key for key, _, _ in config.leaves(config.Config())}


def test_the_example_shows_a_rule_with_every_key_it_may_have(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    commented = text[text.index("# [[rules]]") :].partition("\n\n")[0]
    file = tmp_path / "c.toml"
    file.write_text(re.sub("^# ", "", commented, flags=re.MULTILINE))
    [rule] = config.load(file, {}).rules
    assert None not in [getattr(rule, field.name) for field in fields(rule)]
    assert rule.match == {"discord:role:5", "telegram:chat:-100"}


def test_lists_rules_and_checks_reach_the_core(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        '[access]\nallow = ["discord:server:12"]\nanyone_may_press = true\n'
        '[moderation]\nclassifier = "here"\nrefuse = { porn = 0.5 }\nexempt = ["discord:age-restricted"]\n'
        '[[rules]]\nmatch = ["telegram:user:3"]\nper_day = 7\n[retention]\nprompt_days = 9\n'
    )
    found = build.core_settings(config.load(file, {}), ModelProfile("small", 64, 256))
    assert found.access == Access(frozenset(["discord:server:12"]), anyone_may_press=True)
    assert found.picture_filter == PictureFilter({"porn": 0.5}, frozenset(["discord:age-restricted"]))
    assert found.role_limits == (RoleLimits(frozenset(["telegram:user:3"]), per_day=7),)
    assert found.retention == Retention(0, 9)


def test_steps_and_guidance_are_the_models_own_until_the_operator_sets_them() -> None:
    turbo = ModelProfile("turbo", 64, 256, steps=4, guidance_scale=1.0)
    defaults = build.defaults(config.load(EXAMPLE, {}), turbo)
    assert (defaults.steps, defaults.guidance_scale) == (4, 1.0)
    environment = {"ZIMAGE_BOT_DEFAULTS__STEPS": "2", "ZIMAGE_BOT_DEFAULTS__CFG": "1.5"}
    defaults = build.defaults(config.load(EXAMPLE, environment), turbo)
    assert (defaults.steps, defaults.guidance_scale) == (2, 1.5)
    assert build.defaults(config.Config(), ModelProfile("small", 64, 256)) == Params("")


def test_every_setting_of_the_engine_reaches_it(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        '[model]\nname = "m"\ndevice = "cpu"\ndtype = "float32"\nthreads = 3\nweights = "int8"\n'
        'optimizer = "rules"\nupscalers = "u"\nloras = "l"\n'
        'text_encoder = "t"\nvae = "v"\nbase = "b"\n'
        'experimental = ["reuse-balanced", "detail"]\nprompt_language = "own"\n'
        '[moderation]\nclassifier = "c"\n[defaults]\ncfg = 1.8\n'
    )
    chosen, plain = build.engine_settings(config.load(file, {})), EngineSettings()
    same = {
        field.name for field in fields(chosen) if getattr(chosen, field.name) == getattr(plain, field.name)
    }
    assert same == {"loader"}
    assert Path(chosen.compiled) == Path("data").absolute() / build.COMPILED
    assert chosen.experimental == ("reuse-balanced", "detail")
    assert replace(build.engine_settings(config.load(EXAMPLE, {})), compiled="") == plain


@pytest.mark.parametrize("language", ["english", "own"])
def test_the_language_of_prompts_reaches_the_engine(language: PromptLanguage) -> None:
    found = build.engine_settings(config.load(None, {"ZIMAGE_BOT_MODEL__PROMPT_LANGUAGE": language}))
    assert found.prompt_language == language


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rules]]\nper_day = 1", ("rules[1].match", "nobody")),
        ("[[rules]]\nmatch = ['discord:role:1']\npriority = 11", ("rules[1].priority", "0 to 10")),
        ("[[rules]]\nmatch = ['discord:role:1']\nper_hour = 11", ("rules[1].per_hour", "unknown key")),
        ("rules = 3", ("rules", "[[rules]]")),
        ("[moderation]\nrefuse = { nsfw = 80 }", ("moderation.refuse", "0.0 to 1.0")),
        ("[moderation]\nrefuse = ['nsfw']", ("moderation.refuse", "table of numbers")),
    ],
)
def test_a_bad_rule_is_one_line_that_names_it(text: str, words: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(config.ConfigError) as caught:
        build.core_settings(config.load(file, {}), ModelProfile("small", 64, 256))
    for word in words:
        assert word in str(caught.value)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('data_dir = "here"\n[web]\nport = 1\nenabled = false\n')
    loaded = config.load(file, {"ZIMAGE_BOT_WEB__PORT": "2", "ZIMAGE_BOT_MODERATION__BANNED": "a, b"})
    assert loaded.web.port == 2
    assert loaded.web.enabled is False
    assert loaded.data_dir == Path("here")
    assert loaded.moderation.banned == ("a", "b")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"ZIMAGE_BOT_WEB__PRT": "1"}, ("web.prt", "unknown key", "port")),
        ({"ZIMAGE_BOT_WEB__PORT": "x"}, ("web.port", "'x'", "whole number")),
        ({"ZIMAGE_BOT_WEB__PORT": "70000"}, ("web.port", "70000", "0 to 65535")),
        ({"ZIMAGE_BOT_WEB__ENABLED": "maybe"}, ("web.enabled", "maybe", "true or false")),
        ({"ZIMAGE_BOT_DEFAULTS__CFG": "nan"}, ("defaults.cfg", "nan", "1.0 to 5.0, or 0")),
        ({"ZIMAGE_BOT_DEFAULTS__CFG": "0.5"}, ("defaults.cfg", "0.5", "1.0 to 5.0, or 0")),
        ({"ZIMAGE_BOT_DEFAULTS__STEPS": "51"}, ("defaults.steps", "51", "1 to 50, or 0")),
        ({"ZIMAGE_BOT_MODEL__DEVICE": "gpu"}, ("model.device", "gpu", "cuda:N")),
        (
            {"ZIMAGE_BOT_MODEL__EXPERIMENTAL": "bent"},
            ("model.experimental", "bent", "dynamic-schedule, reuse-"),
        ),
        ({"ZIMAGE_BOT_MODEL__REUSE": "fast"}, ("model.reuse", 'model.experimental = ["reuse-balanced"]')),
        ({"ZIMAGE_BOT_MODEL__DETAIL": "0.5"}, ("model.detail", 'model.experimental = ["detail"]')),
        (
            {"ZIMAGE_BOT_MODEL__PROMPT_LANGUAGE": "zh"},
            ("prompt_language", "zh", "english", "own"),
        ),
        ({"ZIMAGE_BOT_LOG_LEVEL": "loud"}, ("log_level", "loud", "warning")),
        (
            {"ZIMAGE_BOT_ACCESS__ALLOW": "discord:server:1,BotHarness"},
            ("access.allow", "BotHarness", "discord:role:5"),
        ),
        ({"ZIMAGE_BOT_DISCORD__COMMAND": "Paint it"}, ("discord.command", "Paint it", "a–z")),
        ({"ZIMAGE_BOT_WEB": "1"}, ("web", "table")),
        ({"ZIMAGE_BOT_WEB__HOSTS": "https://x.example"}, ("web.hosts", "without scheme and port")),
        ({"ZIMAGE_BOT_WEB__HOSTS": "x.example:8443"}, ("web.hosts", "without scheme and port")),
        ({"ZIMAGE_BOT_WEB__PEOPLE": "ann"}, ("web.people", "table of texts")),
        ({"ZIMAGE_BOT_WEB": "1", "ZIMAGE_BOT_WEB__PORT": "2"}, ("WEB", "exclude")),
    ],
)
def test_a_bad_setting_is_one_line_that_names_key_value_and_fix(
    environ: dict[str, str], words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(config.ConfigError) as caught:
        config.load(None, environ)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_bad_setting_is_named_with_its_file_or_variable(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[web]\nport = 70000\nhost = '0.0.0.0'\n")
    with pytest.raises(config.ConfigError, match=f"^{re.escape(str(file))}: web.port"):
        config.load(file, {})
    with pytest.raises(config.ConfigError, match=r"^ZIMAGE_BOT_WEB__PORT: web\.port = '-1'"):
        config.load(file, {"ZIMAGE_BOT_WEB__PORT": "-1"})
    with pytest.raises(config.ConfigError, match=r"^web\.host 0\.0\.0\.0 .* web\.token"):
        config.load(file, {"ZIMAGE_BOT_WEB__PORT": "1"})


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match="no such file"):
        config.load(tmp_path / "none.toml", {})
    broken = tmp_path / "broken.toml"
    broken.write_text("web = [")
    with pytest.raises(config.ConfigError, match="not valid TOML"):
        config.load(broken, {})


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"], ids=lambda name: name
)
def test_a_file_is_read_in_the_encodings_that_editors_write(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes("[moderation]\r\nbanned = ['猫']\r\n".encode(encoding))
    assert config.load(file, {}).moderation.banned == ("猫",)


def test_another_encoding_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes("[moderation]\nbanned = ['禁词']\n".encode("gbk"))
    with pytest.raises(config.ConfigError, match=r"is not in UTF-8 .* save it") as caught:
        config.load(file, {})
    assert "\n" not in str(caught.value)


def test_tokens_are_never_shown() -> None:
    loaded = config.load(EXAMPLE, {"ZIMAGE_BOT_DISCORD__TOKEN": "hush-hush"})
    assert "hush-hush" not in repr(loaded)
    assert loaded.secrets() == ["hush-hush"]
    people = config.load(EXAMPLE, {"ZIMAGE_BOT_WEB__PEOPLE__ANN": "hush-hush"})
    assert people.web.people == {"ann": "hush-hush"}
    assert "hush-hush" not in repr(people)
    assert people.secrets() == ["hush-hush"]
    with pytest.raises(config.ConfigError) as caught:
        config.load(EXAMPLE, {"ZIMAGE_BOT_DISCORD": "hush-hush"})
    assert "hush-hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "text", "is_warned"),
    [
        (0o644, '[telegram]\ntoken = "123456:secret-of-a-bot"', True),
        (0o640, '[telegram]\ntoken = "123456:secret-of-a-bot"', True),
        (0o600, '[telegram]\ntoken = "123456:secret-of-a-bot"', False),
        (0o644, "log_level = 'info'", False),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="modes of files are Unix")
def test_tokens_that_others_on_the_machine_can_read_are_warned_of(
    tmp_path: Path, mode: int, text: str, is_warned: bool
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    path.chmod(mode)
    line = config.exposed(path, config.load(path, {}))
    assert ("chmod 600" in line) == is_warned


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("discord", "api_base"),
        ("discord", "gateway_url"),
        ("telegram", "base_url"),
        ("telegram", "base_file_url"),
    ],
)
@pytest.mark.parametrize("value", ["nonsense", "http://[", "ws://", "https://"])
def test_an_address_that_is_none_is_one_line_that_names_its_setting(
    tmp_path: Path, section: str, name: str, value: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'[{section}]\n{name} = "{value}"\n')
    with pytest.raises(config.ConfigError, match=rf"{section}\.{name} = .* must be"):
        config.load(file, {})
