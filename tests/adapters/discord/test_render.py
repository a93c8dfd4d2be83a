"""How a reply looks on Discord, as far as no other test shows it."""

from adapters.discord.address import Place
from adapters.discord.render import look
from bot.types import Image, Reply

PLACE = Place(1, 7)
PICTURE = Image("1-0.png", b"", "image/png", 1, 1)


async def test_when_it_will_be_done_is_a_time_that_every_client_tells_in_its_own_words() -> None:
    assert "<t:1801:R>" in (await look(Reply("In line.", eta=1800.5), PLACE)).content


async def test_a_reply_without_an_expected_time_tells_none() -> None:
    assert "<t:" not in (await look(Reply("In line."), PLACE)).content


async def test_pictures_are_covered_where_the_reply_or_the_place_says_so() -> None:
    plain, covered = Reply("Here", images=(PICTURE,)), Reply("Here", images=(PICTURE,), spoiler=True)
    assert not (await look(plain, PLACE)).spoiler
    assert (await look(covered, PLACE)).spoiler
    assert (await look(plain, Place(1, 7, spoiler=True))).spoiler
