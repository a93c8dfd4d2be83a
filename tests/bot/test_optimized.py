"""Facts about what people are shown of a prompt they had rewritten."""

import pytest

from bot.replies.replies import Replies
from bot.requests import flags
from bot.requests.commands import parse
from bot.types import Params, Reply
from engine.types import ModelProfile
from tests.bot.jobs import job


@pytest.fixture(scope="module")
def replies() -> Replies:
    return Replies(ModelProfile("small", 128, 256))


def verbs(reply: Reply) -> list[list[str]]:
    return [[button.action.verb for button in row] for row in reply.actions]


def test_an_optimized_prompt_stands_beside_the_original(replies: Replies) -> None:
    reply = replies.finished(job(kind="optimize", used_prompt="a black cat", pictures=()), [])
    assert (reply.prompt, reply.note) == ("a black cat", "Your words: a cat")
    assert verbs(reply) == [["use", "edit", "original", "another"]]


def test_an_optimized_prompt_and_its_parameters_show_what_it_refuses(replies: Replies) -> None:
    asked = job(kind="optimize", used_prompt="a black cat", pictures=(), negative_used="text, dog")
    told = "Your words: a cat\nNegative prompt: text, dog"
    assert (replies.finished(asked, []).note, replies.info(asked, 0).note) == (told, told)


def test_a_wording_that_was_there_before_says_so_and_offers_no_more(replies: Replies) -> None:
    asked = job(kind="optimize", used_prompt="a black cat", pictures=(), notes=("repeated",))
    reply = replies.finished(asked, [])
    assert reply.text == "I have no other wording for this."
    assert verbs(reply) == [["use", "edit", "original"]]


def test_a_prompt_that_needed_no_change_says_so(replies: Replies) -> None:
    reply = replies.finished(job(kind="optimize", used_prompt="a cat", pictures=()), [])
    assert reply.text == "Your prompt is fine as it is; nothing was changed."
    assert verbs(reply) == [["use", "edit", "another"]]


def test_edit_of_an_optimized_prompt_offers_the_new_words(replies: Replies) -> None:
    reply = replies.edit(job(kind="optimize", used_prompt="a black cat", pictures=()), Params(""))
    assert reply.prefill == "/imagine a black cat --optimize off"


def test_edit_of_an_optimized_prompt_carries_what_it_refuses(replies: Replies) -> None:
    asked = job(kind="optimize", used_prompt="a cat", negative_prompt="text", negative_used="text, dog")
    command = parse(replies.edit(asked, Params("")).prefill)
    assert flags.parse(command.rest, Params("")).negative_prompt == "text, dog"
