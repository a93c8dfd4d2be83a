"""Sentences and typed words by key from the Fluent files here, one file a language.

Knows languages and how a message is filled in; knows no job and no reply.
"""

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from fluent.runtime import FluentBundle, FluentResource
from fluent.runtime.types import fluent_number
from fluent.syntax.ast import Message

from bot.locales.traditional import traditional
from engine.cjk import HAN, KANA

DEFAULT = "en"
_FILES = {file.name.removesuffix(".ftl"): file for file in files("bot.locales").iterdir()
          if file.name.endswith(".ftl")}  # fmt: skip
LANGUAGES = (DEFAULT, *sorted(_FILES.keys() - {DEFAULT}))
"""The languages there are files of, the default one first."""
TAIWAN = "zh-TW"
"""Read as `zh`, except for names, descriptions and typed words, which are derived from it."""
SCRIPTS = {"ja": re.compile(f"[{KANA}]"), "zh": re.compile(f"[{HAN}]")}
"""What gives a language away; Japanese has Chinese characters, too, and so comes first."""
LONGEST_VALUE = 2000
"""Characters of a value; Fluent refuses to fill in more than 2,500."""
REMEMBERED = 4096


class Texts:
    """Every message in every language, read once."""

    def __init__(self) -> None:
        self._bundles = {language: _bundle(language) for language in LANGUAGES}
        # Filling in is most of a reply's cost, and the same buttons and places come thousands of times.
        self._filled = lru_cache(maxsize=REMEMBERED)(self._fill)

    def say(self, locale: str, key: str, /, **values: str | float) -> str:
        """Return the message in the language of a BCP 47 tag; `key` may name an attribute as `message.hint`.

        Raises LookupError for an unknown key or a value that the message needs and did not get.
        """
        filled = tuple([(name, type(v), v) for name, v in values.items()]) if values else ()
        return self._filled(language(locale), key, filled)

    def _fill(self, language: str, key: str, values: tuple[tuple[str, type, str | float], ...]) -> str:
        bundle = self._bundles[language]
        name, _, attribute = key.partition(".")
        message = bundle.get_message(name)
        pattern = message.attributes[attribute] if attribute else message.value
        filled = {variable: _argument(value) for variable, _, value in values}
        text, errors = bundle.format_pattern(pattern, filled)
        if errors:
            raise LookupError(f"message {key!r} ({language}): {errors[0]}")
        return str(text)

    def name(self, locale: str, key: str) -> str:
        """Return a name or a description, for `zh-TW` in traditional characters."""
        text = self.say(locale, key)
        return traditional(text) if locale == TAIWAN else text

    def words(self, locale: str, key: str) -> tuple[str, ...]:
        """Return the words of a message that lists what may be typed, the one that is shown first."""
        return tuple(self.name(locale, key).split())

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return the keys that begin so."""
        return tuple(key for key in _messages(DEFAULT) if key.startswith(prefix))

    def has(self, key: str) -> bool:
        """Say whether there is such a message; the languages hold the same ones."""
        return key in _messages(DEFAULT)


@cache
def typed(key: str) -> tuple[str, ...]:
    """Return the words of every language for what `key` names, without doubles, longer ones first."""
    texts = Texts()
    words = {word for locale in (*LANGUAGES, TAIWAN) for word in texts.words(locale, key)}
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


@cache
def phrases(key: str) -> frozenset[str]:
    """Return the phrases of every language, in lower case, that stand in the lines of `key`."""
    texts = Texts()
    return frozenset(
        line.casefold() for language in LANGUAGES for line in texts.say(language, key).splitlines()
    )


@lru_cache(maxsize=256)
def language(locale: str) -> str:
    """Return the language of a BCP 47 tag among `LANGUAGES`, the default one for any other."""
    name = locale.lower().partition("-")[0]
    return name if name in LANGUAGES else DEFAULT


def answer_locale(text: str, locale: str) -> str:
    """Return the locale to answer a text in: who writes another script than their client's reads that one."""
    if language(locale) in SCRIPTS:
        return locale
    return next((name for name, script in SCRIPTS.items() if script.search(text)), locale)


@cache
def _bundle(language: str) -> FluentBundle:
    # Isolation marks would surround every value with invisible characters that end up in copied prompts.
    bundle = FluentBundle([language], use_isolating=False)
    bundle.add_resource(_resource(language))
    return bundle


@cache
def _resource(language: str) -> Any:
    return FluentResource(_FILES[language].read_text("utf-8"))


@cache
def _messages(language: str) -> frozenset[str]:
    return frozenset(entry.id.name for entry in _resource(language).body if isinstance(entry, Message))


def _argument(value: str | float) -> Any:
    """Cut a text; keep a number a number, for plurals, but write it without thousands separators."""
    return value[:LONGEST_VALUE] if isinstance(value, str) else fluent_number(value, useGrouping=False)
