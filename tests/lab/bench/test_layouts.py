"""Where the full-size model is laid out as on a smaller card, and which rows say what its stages cost."""

import io
import json
from dataclasses import replace
from math import isfinite
from typing import Any

import pytest
import torch
from torch import nn

from engine.embedded import WEIGHTS
from engine.memory.plan import GIB, MIB, PlanRequest
from engine.memory.planner import budget
from engine.memory.probe import Facts
from engine.memory.sizes import Z_IMAGE, Stack
from engine.memory.weights import PackedLinear
from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import EngineError, EngineSettings
from lab.bench import __main__ as bench
from lab.bench import fullsize, pipelines, speed
from lab.bench.fullsize import Architecture, laid_out, under
from lab.bench.memory import most
from lab.bench.speed import Sides

CPU = torch.device("cpu")
CARD = Facts("cuda", "a card", 139 * GIB, 140 * GIB, True, 100 * GIB, 128 * GIB)


@pytest.fixture(scope="module")
def sides() -> Sides:
    torch.set_num_threads(1)
    return bench.small_sides(EngineSettings(device="cpu"))


@pytest.fixture(scope="module")
def tiny() -> Architecture:
    return small(Stack(0, 0, 0, 0))


def small(planned: Stack) -> Architecture:
    parts = ("transformer", "vae", "text_encoder")
    return Architecture(
        *(json.loads((WEIGHTS / part / "config.json").read_bytes()) for part in parts), planned
    )


def made(what: Architecture, free: int) -> tuple[ZImagePipeline, torch.Tensor]:
    torch.manual_seed(0)
    facts = under(CARD, (free + fullsize.DRIVER) / GIB)
    components, embedding = laid_out(facts, PlanRequest(64, 64, "float32", "plain"), CPU, what)
    return ZImagePipeline(components), embedding


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_at_full_size_every_table_runs_to_its_end_for_all_three_sides(
    tiny: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.bench.speed.STEPS", 1)
    monkeypatch.setattr("lab.bench.__main__.STEP_SIZES", [32, 64])
    torch.set_num_threads(1)
    sides = bench.full_sides(EngineSettings(device="cpu"), tiny)
    assert sides.stock.vae is not sides.components.vae
    assert sides.stock.transformer is sides.components.transformer
    sides = replace(sides, compiled=pipelines.stock_compiled(bench._stocks(sides), backend="eager"))
    rows = list(bench.compare(sides, [32], 1, []))
    tables = {
        "whole", "denoising", "stages", "memory", "decoding", "batches", "guidance", "flags", "vae",
        "weights", "steps",
    }  # fmt: skip
    assert {name for name, _ in rows} == tables
    table, as_json = io.StringIO(), io.StringIO()
    bench.write(rows, table, is_json=False)
    bench.write(rows, as_json, is_json=True)
    assert all(f"### {name}\n" in table.getvalue() for name in tables)
    assert json.loads(as_json.getvalue()).keys() == tables
    numbers = [value for _, row in rows for value in row.values() if isinstance(value, float)]
    assert all(isfinite(number) for number in numbers)
    assert not any("out of memory" in row for _, row in rows)


def test_a_limited_card_has_what_its_driver_leaves_and_no_more_than_is_free() -> None:
    twelve = under(CARD, 12)
    assert (twelve.total, twelve.free) == (12 * GIB, int(11.5 * GIB))
    assert under(CARD, 200).free == CARD.free
    assert twelve.host_free == CARD.host_free


def test_a_model_laid_out_on_a_smaller_card_streams_and_draws_the_same_latents(tiny: Architecture) -> None:
    whole, embedding = made(tiny, 8 * GIB)
    plan = whole.components.layout(64, 64)
    assert plan["blocks"] == "8 of 8 resident"
    used = int(plan["peak"])
    room = used - 4 * MIB + CARD.free - budget(CARD)
    streamed, _ = made(tiny, room)
    assert streamed.components.layout(64, 64)["blocks"] != "8 of 8 resident"
    task = pipelines.square_task(64, 2, 1.0)
    expected, found = (
        pipelines.ours_latents(each, task, embedding)()[0].latents  # type: ignore[index]
        for each in (whole, streamed)
    )
    assert torch.allclose(found, expected, atol=1e-5)


def test_the_expected_peak_leaves_out_a_text_encoder_that_is_planned_for_and_not_built() -> None:
    planned = Z_IMAGE.text_encoder.blocks * Z_IMAGE.text_encoder.linear
    without, plan = _told(Stack(0, 0, 0, 0)), _told(Z_IMAGE.text_encoder)
    assert plan["text_encoder"].startswith("resident")
    assert plan["peak"] == pytest.approx(without["peak"], abs=MIB)
    assert planned > GIB


def _told(encoder: Stack) -> dict[str, Any]:
    return dict(laid_out(CARD, PlanRequest(64, 64), CPU, small(encoder))[0].layout(64, 64))


def test_a_row_of_a_limited_card_names_the_plan_the_peak_and_what_was_taken(
    tiny: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.bench.speed.STEPS", 1)
    row = speed.limited(*made(tiny, 8 * GIB), 32)
    assert row["plan"].startswith("float32; the transformer stays")
    assert row["taken, GiB"] > 0
    assert row["expected, GiB"] > 0
    assert row["main memory, GiB"] > 0
    assert (row["reserved, GiB"], row["idle, GiB"]) == (0, 0)
    assert row["seconds"] > 0


def test_what_is_in_use_at_the_worst_moment_counts_what_lay_there_before() -> None:
    there = torch.ones(2**25)
    assert most(CPU, lambda: there.sum()) > 2**27


def test_the_stages_of_both_sides_are_timed_by_the_same_clock(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.bench.speed.STEPS", 1)
    rows = speed.stages(sides, 32, 1)
    assert [row["stage"] for row in rows] == ["encode", "steps", "decode", "png"]
    assert all(row["stock"] > 0 and row["ours"] >= 0 for row in rows)
    assert {row["stage"]: row for row in rows}["steps"]["ours"] > 0


def test_the_stock_stages_put_together_are_the_stock_picture(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    images: list[Any] = []
    monkeypatch.setattr("lab.bench.pipelines.codec.png", lambda image: images.append(image) or b"")
    task = pipelines.square_task(32, 1, 1.0)
    pipelines.stock_stages(sides.stock, task)
    pipelines.stock_whole(sides.stock, task)()
    apart, whole = images
    assert apart.tobytes() == whole.tobytes()


def test_each_flag_of_the_vae_has_a_row_and_leaves_the_measured_model_alone(sides: Sides) -> None:
    before = {name: value.clone() for name, value in sides.stock.vae.state_dict().items()}
    rows = speed.flags_in_vae(sides, 32, 1)
    assert [row["flag"] for row in rows] == ["none", "channels_last", "lean_decoder", "in use"]
    convolution = sides.stock.vae.decoder.conv_in.weight
    assert convolution.is_contiguous()
    assert all(torch.equal(value, before[name]) for name, value in sides.stock.vae.state_dict().items())


def test_packed_models_share_all_that_is_not_packed(sides: Sides) -> None:
    model = sides.components.transformer
    packed = pipelines.ours_packed(sides.components, "float8").transformer
    forms = [module.form for module in packed.modules() if isinstance(module, PackedLinear)]
    assert forms == ["float8"] * 7 * len(model.layers)
    assert packed.layers[0].attention_norm1.weight is model.layers[0].attention_norm1.weight
    assert type(model.layers[0].feed_forward.w1) is nn.Linear


def test_weights_in_other_forms_have_a_row_each(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.bench.speed.STEPS", 1)
    rows = speed.forms(sides, 32, 1)
    assert [row["weights"] for row in rows] == ["plain", "int8", "float8", "int8-fast"]


def test_a_limited_card_is_named_with_its_number_as_torch_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    limited: list[int] = []

    def limit(share: float, device: torch.device) -> None:
        limited.append(torch.cuda._utils._get_device_index(device))

    def lay_out(*_: object) -> None:
        raise EngineError("out_of_memory", "not laid out")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", limit)
    monkeypatch.setattr(bench, "probe", lambda device: CARD)
    monkeypatch.setattr(bench, "laid_out", lay_out)
    with pytest.raises(EngineError, match="not laid out"):
        bench.limited(EngineSettings(device="cuda"), 24, [])
    assert limited == [0]


def test_a_limit_without_a_card_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--full-size", "--limit", "12", "--device", "cpu"])
    with pytest.raises(SystemExit):
        bench.main()
    assert "--limit needs --full-size and a CUDA device" in capsys.readouterr().err
