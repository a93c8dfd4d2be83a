"""Which plan each card gets: the table of docs/memory.md, line by line."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from engine.memory.placement import form_for
from engine.memory.plan import GIB, Plan, PlanRequest
from engine.memory.planner import budget, choose, fits
from engine.memory.probe import Facts
from engine.memory.sizes import Z_IMAGE
from engine.types import EngineError

DOCS = (Path(__file__).parents[3] / "docs" / "memory.md").read_text("utf-8")


def card(gib: float, host: float = 28, bfloat16: bool = True) -> Facts:
    """A card whose driver and context took half a GiB."""
    free = int((gib - 0.5) * GIB)
    return Facts("cuda", "card", free, int(gib * GIB), bfloat16, int(host * GIB), int((host + 4) * GIB))


def apple(gib: float) -> Facts:
    total = int(gib * GIB * (0.67 if gib <= 36 else 0.75))
    host = int((gib - 2) * GIB)
    return Facts("mps", "Apple GPU", min(total, host), total, True, host, int(gib * GIB))


def cpu(gib: float) -> Facts:
    memory = int(gib * GIB)
    return Facts("cpu", "CPU", memory, memory, False, memory, memory)


def row(facts: Facts, wanted: PlanRequest | None = None) -> tuple[str, str, int, str, str]:
    plan = choose(facts, Z_IMAGE, wanted or PlanRequest())
    assert plan.peak <= budget(facts)
    assert plan.host <= facts.host_free
    return plan.dtype, plan.weights, plan.resident_blocks, plan.text_encoder, plan.decode


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (card(80), ("bfloat16", "plain", 30, "resident", "whole")),
        (card(48), ("bfloat16", "plain", 30, "resident", "whole")),
        (card(24), ("bfloat16", "plain", 30, "resident", "whole")),
        (card(16), ("bfloat16", "plain", 30, "streamed", "whole")),
        (card(12), ("bfloat16", "plain", 21, "streamed", "strips")),
        (card(10), ("bfloat16", "plain", 15, "streamed", "strips")),
        (card(8), ("bfloat16", "plain", 10, "streamed", "strips")),
        (card(6), ("bfloat16", "plain", 4, "streamed", "strips")),
    ],
    ids=lambda value: f"{value.total // GIB}GiB" if isinstance(value, Facts) else "",
)
def test_a_card_with_bfloat16_and_enough_main_memory_keeps_every_weight_whole(
    facts: Facts, expected: tuple[object, ...]
) -> None:
    assert row(facts) == expected


@pytest.mark.parametrize(
    ("gib", "expected"),
    [
        (16, ("bfloat16", "plain", 30, "streamed", "whole")),
        (12, ("bfloat16", "int8", 30, "streamed", "whole")),
        (10, ("bfloat16", "int8", 30, "streamed", "whole")),
        (8, ("bfloat16", "int8", 20, "streamed", "strips")),
        (6, ("bfloat16", "int8", 9, "streamed", "strips")),
    ],
)
def test_where_main_memory_is_scarce_weights_are_kept_in_eight_bits(
    gib: float, expected: tuple[object, ...]
) -> None:
    assert row(card(gib, host=12)) == expected


@pytest.mark.parametrize(("gib", "blocks"), [(6, 17), (8, 30)])
def test_where_main_memory_is_very_scarce_weights_are_kept_in_four_bits(gib: float, blocks: int) -> None:
    assert row(card(gib, host=6))[1:3] == ("4bit", blocks)


@pytest.mark.parametrize(
    ("facts", "blocks"),
    [(card(24, bfloat16=False), 30), (card(8, bfloat16=False), 10), (replace(apple(64), bfloat16=False), 30)],
    ids=["24GiB", "8GiB", "apple"],
)
def test_without_bfloat16_the_transformer_computes_in_float16_and_the_encoder_in_float32(
    facts: Facts, blocks: int
) -> None:
    plan = choose(facts, Z_IMAGE, PlanRequest())
    assert (plan.dtype, plan.weights, plan.resident_blocks) == ("float16", "plain", blocks)
    assert plan.form("text_encoder") == ("float32", "bfloat16")
    assert "in float32" in plan.describe()


def test_float32_from_weights_kept_in_bfloat16_can_be_insisted_on() -> None:
    dtype, kept, *_ = row(card(24, bfloat16=False), PlanRequest(dtype="float32"))
    assert (dtype, kept) == ("float32", "bfloat16")


@pytest.mark.parametrize(("gib", "weights"), [(16, "4bit"), (24, "int8"), (32, "plain"), (64, "plain")])
def test_an_apple_machine_never_streams_from_the_memory_it_shares(gib: float, weights: str) -> None:
    dtype, kept, blocks, encoder, _ = row(apple(gib))
    assert (dtype, kept, blocks, encoder) == ("bfloat16", weights, 30, "resident")


@pytest.mark.parametrize(("gib", "weights"), [(12, "4bit"), (18, "int8"), (26, "bfloat16"), (64, "plain")])
def test_a_cpu_computes_in_float32(gib: float, weights: str) -> None:
    dtype, kept, *_ = row(cpu(gib))
    assert (dtype, kept) == ("float32", weights)


@pytest.mark.parametrize("facts", [apple(8), cpu(4), card(3)], ids=["apple", "cpu", "card"])
def test_what_cannot_fit_is_refused_with_the_smallest_plan_and_its_needs(facts: Facts) -> None:
    with pytest.raises(EngineError, match=r"smallest plan \(.*4bit.*\) needs [\d.]+ GiB on") as caught:
        choose(facts, Z_IMAGE, PlanRequest())
    assert caught.value.code == "out_of_memory"


def test_a_refusal_names_the_smaller_picture_that_would_fit() -> None:
    with pytest.raises(EngineError, match=r"2048×2048 needs .*; 768×768 would fit"):
        choose(card(4), Z_IMAGE, PlanRequest(2048, 2048))


@pytest.mark.parametrize(
    ("facts", "wanted", "kept"),
    [
        (apple(24), PlanRequest(weights="plain"), "int8"),
        (card(8, host=6), PlanRequest(weights="plain"), "4bit"),
        (cpu(18), PlanRequest(weights="bfloat16"), "int8"),
        (apple(32), PlanRequest(dtype="float32", weights="plain"), "bfloat16;"),
    ],
)
def test_a_refusal_of_what_is_insisted_on_names_the_plan_that_would_fit(
    facts: Facts, wanted: PlanRequest, kept: str
) -> None:
    with pytest.raises(
        EngineError, match=rf"needs .*; .*{kept}.* would fit: leave model.dtype and"
    ) as caught:
        choose(facts, Z_IMAGE, wanted)
    assert caught.value.code == "out_of_memory"


def test_a_block_larger_than_what_is_left_is_refused() -> None:
    plan = choose(card(12), Z_IMAGE, PlanRequest())
    facts = card(0.7 + plan.block_bytes / GIB)
    with pytest.raises(EngineError, match="0 of 30 blocks stay") as caught:
        choose(facts, Z_IMAGE, PlanRequest(weights="plain"))
    assert caught.value.code == "out_of_memory"


def of(major: int, minor: int) -> Facts:
    """A card of 24 GiB of that compute capability."""
    return replace(card(24), capability=(major, minor))


def test_what_is_multiplied_in_eight_bits_leaves_two_blocks_and_the_text_encoder_wider() -> None:
    kept, fast = (choose(of(8, 9), Z_IMAGE, PlanRequest(weights=form)) for form in ("int8", "int8-fast"))
    more = 2 * Z_IMAGE.transformer.linear
    assert fast.held - kept.held == pytest.approx(more, rel=0.01)
    assert fast.form("text_encoder").weights == "int8"
    assert fast.describe().startswith("bfloat16, weights multiplied in int8; ")
    assert fast.why.endswith("model.weights is set to int8-fast")
    names = ["layers.0.attention.to_q.weight", "layers.1.attention.to_q.weight", "layers.29.a.weight"]
    assert [form_for(fast, "transformer", name, (64, 64)) for name in names] == [
        "plain", "int8-fast", "plain",
    ]  # fmt: skip


def test_what_the_configuration_insists_on_is_obeyed_or_refused() -> None:
    assert row(card(24), PlanRequest(weights="int8"))[1] == "int8"
    assert row(card(24), PlanRequest(weights="float8"))[1] == "float8"
    assert choose(card(48), Z_IMAGE, PlanRequest(weights="int8")).why.endswith("model.weights is set to int8")
    assert row(card(48), PlanRequest(dtype="float32"))[:2] == ("float32", "plain")
    with pytest.raises(EngineError, match="auto, plain, bfloat16, int8, float8, 4bit, int8-fast"):
        choose(card(24), Z_IMAGE, PlanRequest(weights="2bit"))
    with pytest.raises(EngineError, match="auto, float32, bfloat16, float16"):
        choose(card(24), Z_IMAGE, PlanRequest(dtype="half"))


@pytest.mark.parametrize(
    ("facts", "wanted", "refusal"),
    [
        (card(24), PlanRequest(dtype="bfloat16"), ""),
        (
            card(24, bfloat16=False),
            PlanRequest(dtype="bfloat16"),
            "card does not compute in bfloat16; use dtype",
        ),
        (card(24, bfloat16=False), PlanRequest(dtype="float16"), ""),
        (card(24, bfloat16=False), PlanRequest(weights="bfloat16"), ""),
        (card(24, bfloat16=False), PlanRequest(weights="float8"), ""),
        (apple(64), PlanRequest(dtype="bfloat16"), ""),
        (replace(apple(64), bfloat16=False), PlanRequest(dtype="bfloat16"), "Apple GPU does not compute in"),
        (
            apple(64),
            PlanRequest(weights="float8"),
            "Apple GPU does not hold float8; use weights auto, int8 or",
        ),
        (apple(64), PlanRequest(weights="int8"), ""),
        (cpu(64), PlanRequest(dtype="bfloat16"), ""),
        (cpu(64), PlanRequest(dtype="float16"), ""),
        (cpu(64), PlanRequest(weights="float8"), ""),
        (cpu(64), PlanRequest(weights="int8-fast"), ""),
        (cpu(64), PlanRequest(weights="float8-fast"), "CPU does not multiply in float8; use weights auto or"),
        (apple(64), PlanRequest(weights="int8-fast"), "Apple GPU does not multiply in int8; use weights"),
        (of(7, 5), PlanRequest(weights="int8-fast"), ""),
        (of(7, 0), PlanRequest(weights="int8-fast"), "card does not multiply in int8"),
        (of(8, 9), PlanRequest(weights="float8-fast"), ""),
        (of(8, 6), PlanRequest(weights="float8-fast"), "card does not multiply in float8"),
        (replace(of(9, 4), torch="2.13.0+rocm7.1"), PlanRequest(weights="float8-fast"), "does not multiply"),
    ],
)
def test_a_dtype_or_form_the_device_lacks_is_refused_with_what_to_use(
    facts: Facts, wanted: PlanRequest, refusal: str
) -> None:
    if not refusal:
        assert choose(facts, Z_IMAGE, wanted)
        return
    with pytest.raises(EngineError, match=refusal) as caught:
        choose(facts, Z_IMAGE, wanted)
    assert caught.value.code == "bad_input"


@pytest.mark.parametrize("facts", [card(48), card(12), apple(32), cpu(64)], ids=lambda facts: facts.name)
def test_each_tighter_plan_takes_no_more_and_the_last_takes_less(facts: Facts) -> None:
    plans: list[Plan] = [choose(facts, Z_IMAGE, PlanRequest())]
    while (following := plans[-1].tighter()) is not None:
        plans.append(following)
    peaks = [plan.peak for plan in plans]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[-1] < peaks[0]
    assert plans[-1].resident_blocks == (0 if facts.kind == "cuda" else 30)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            card(48),
            [
                *("30 resident strips", "30 streamed strips"),
                *(f"{blocks} streamed strips" for blocks in (20, 13, 8, 5, 3, 2, 1, 0)),
                "0 streamed tiles",
            ],
        ),
        (card(6), ["2 streamed strips", "1 streamed strips", "0 streamed strips", "0 streamed tiles"]),
        (apple(32), ["30 resident strips", "30 resident tiles"]),
        (cpu(64), ["30 resident strips", "30 resident tiles"]),
    ],
    ids=["48GiB", "6GiB", "apple", "cpu"],
)
def test_what_is_exact_is_given_before_a_picture_is_decoded_in_tiles(
    facts: Facts, expected: list[str]
) -> None:
    plans, plan = list[str](), choose(facts, Z_IMAGE, PlanRequest()).tighter()
    while plan is not None:
        plans.append(f"{plan.resident_blocks} {plan.text_encoder} {plan.decode}")
        plan = plan.tighter()
    assert plans == expected


def test_the_document_names_the_means_in_the_order_they_are_taken() -> None:
    text = " ".join(DOCS.split())
    order = "decoded in strips, text encoder streamed, a third of the resident blocks streamed, "
    assert f"{order}again and again until all are, decoded in tiles" in text


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (card(24), "everything fits"),
        (card(16), "transformer and text encoder do not fit together"),
        (card(12), "the transformer does not fit whole, main memory holds the rest"),
        (card(12, host=12), "whole weights fit neither there nor in 12.0 GiB of main memory"),
        (apple(24), "the model does not fit in a wider form"),
    ],
)
def test_a_plan_says_why_it_was_chosen(facts: Facts, why: str) -> None:
    assert choose(facts, Z_IMAGE, PlanRequest()).why.endswith(why)


def test_a_plan_in_short_tells_the_peak_of_the_picture_that_was_drawn() -> None:
    plan = choose(card(12), Z_IMAGE, PlanRequest())
    report = plan.report(1024, 1024)
    assert report == {
        "dtype": "bfloat16",
        "weights": "plain",
        "blocks": "21 of 30 resident",
        "text_encoder": "streamed in bfloat16",
        "decode": "strips",
        "peak": plan.peak,
    }
    larger = plan.report(2048, 2048)["peak"]
    assert isinstance(larger, int)
    assert larger > plan.peak


@pytest.mark.parametrize(("gib", "slots"), [(12, 3), (10, 3), (8, 2), (6, 2)])
def test_two_blocks_are_copied_ahead_where_at_least_half_of_them_stay(gib: float, slots: int) -> None:
    plan = choose(card(gib), Z_IMAGE, PlanRequest())
    assert plan.slots == slots
    one_less = replace(plan, slots=slots - 1)
    assert plan.held - one_less.held == plan.block_bytes
    while (following := plan.tighter()) is not None:
        plan = following
        assert plan.has_ahead or plan.slots == 2


def test_a_larger_picture_leaves_room_for_fewer_blocks() -> None:
    small, large = (choose(card(12), Z_IMAGE, PlanRequest(side, side)) for side in (1024, 2048))
    assert large.resident_blocks < small.resident_blocks
    assert not fits(small, card(8))


def machine(words: str) -> Facts:
    """The machine a row of docs/memory.md speaks of."""
    gib = float(re.findall(r"(\d+) GB", words)[0])
    if words.startswith("Apple"):
        return apple(gib)
    if words.startswith("CPU"):
        return cpu(gib)
    host = re.search(r"(\d+) GB of main memory", words)
    return card(gib, float(host[1]) if host else 28, "without bfloat16" not in words)


@pytest.mark.parametrize("line", re.findall(r"^\| (?:\d+ GB|Apple|CPU).*$", DOCS, re.MULTILINE))
def test_the_documents_table_is_what_is_planned(line: str) -> None:
    words, layout, peak, host = (cell.strip() for cell in line.strip("|").split("|"))
    plan = choose(machine(words), Z_IMAGE, PlanRequest())
    assert (layout, peak, host) == (plan.describe(), f"{plan.peak / GIB:.1f}", f"{plan.host / GIB:.1f}")


def test_the_documents_table_has_every_card() -> None:
    rows = re.findall(r"^\| (\d+) GB card \|", DOCS, re.MULTILINE)
    assert rows == ["80", "48", "24", "16", "12", "10", "8", "6"]
