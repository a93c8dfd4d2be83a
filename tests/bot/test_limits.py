"""Limits are pure: a rule, a usage and a time decide; a refusal says what is left and when to come back."""

import pytest

from bot.policy.limits import DAY, Rule, Usage, fits, in_pictures, judge, left
from bot.types import Refused

NOW = 1_000_000.0


def refusal(rule: Rule, usage: Usage, pictures: float = 1.0) -> Refused:
    with pytest.raises(Refused) as caught:
        judge(rule, usage, NOW, pictures)
    return caught.value


@pytest.mark.parametrize(
    ("rule", "usage", "pictures"),
    [
        (Rule(), Usage(), 1.0),
        (Rule(per_minute=2), Usage(requests=(NOW - 59,)), 1.0),
        (Rule(per_minute=1), Usage(requests=(NOW - 60,)), 1.0),
        (Rule(per_day=3), Usage(charges=((NOW - 5, 2.0),)), 1.0),
        (Rule(per_day=3), Usage(charges=((NOW - DAY, 3.0),)), 3.0),
        (Rule(per_day=1), Usage(charges=((NOW - 5, 0.1),) * 9), 0.1),
        (Rule(waiting=1), Usage(waiting=0, queue=9), 1.0),
        (Rule(0, 0, 0, 0, 0, 0), Usage((NOW,) * 99, ((NOW, 999.0),), 99, 999), 50.0),
    ],
)
def test_within_the_rule_passes(rule: Rule, usage: Usage, pictures: float) -> None:
    judge(rule, usage, NOW, pictures)


def test_a_burst_is_refused_until_the_oldest_counted_request_is_a_minute_old() -> None:
    refused = refusal(Rule(per_minute=2), Usage(requests=(NOW - 50, NOW - 40, NOW - 10)))
    assert (refused.code, refused.retry_after, refused.values["limit"]) == ("burst", 20, 2)


def test_too_many_unfinished_jobs_of_one_person_are_refused() -> None:
    assert refusal(Rule(waiting=2), Usage(waiting=2)).code == "waiting"


def test_a_full_queue_is_refused_to_everybody() -> None:
    assert refusal(Rule(queue=7), Usage(queue=7)).code == "queue-full"


def test_the_day_is_refused_with_what_is_left_and_the_moment_when_enough_has_left_the_window() -> None:
    usage = Usage(charges=((NOW - DAY + 100, 1.0), (NOW - DAY + 200, 2.0), (NOW - 5, 1.5)))
    refused = refusal(Rule(per_day=5), usage, pictures=3.0)
    assert refused.code == "per-day"
    assert refused.values == {"limit": 5, "left": 0}
    assert refused.retry_after == pytest.approx(200)


def test_an_ask_above_the_whole_day_never_comes_right() -> None:
    assert refusal(Rule(per_day=3), Usage(), pictures=4.0).retry_after is None


def test_what_is_left_is_whole_pictures() -> None:
    assert left(Rule(per_day=10), Usage(charges=((NOW, 2.5),)), NOW) == 7
    assert left(Rule(per_day=1), Usage(charges=((NOW, 2.5),)), NOW) == 0


@pytest.mark.parametrize(("count", "width", "code"), [(5, 128, "too-many"), (1, 4096, "too-large")])
def test_a_job_has_a_largest_count_and_size(count: int, width: int, code: str) -> None:
    rule = Rule(max_count=4, max_megapixels=2.0)
    fits(rule, 4, 1024, 1024)
    with pytest.raises(Refused, match=code):
        fits(rule, count, width, width)


def test_charges_in_token_steps_become_pictures() -> None:
    assert in_pictures(Usage(charges=((NOW, 512.0),)), 256).charges == ((NOW, 2.0),)
