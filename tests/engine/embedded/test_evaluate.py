"""What the evaluation shows of the pictures it has judged."""

from engine.embedded.evaluate import in_turn


def test_a_sheet_takes_the_first_of_every_kind_before_the_second_of_any() -> None:
    kinds = ["night", "night", "noon", "night", "dawn", "noon"]
    assert [kinds[i] for i in in_turn(kinds)] == ["night", "noon", "dawn", "night", "noon", "night"]
    assert in_turn(kinds)[:3] == [0, 2, 4]
