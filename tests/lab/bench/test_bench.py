"""The measuring itself: both sides do the same work and every table can be made. No time is judged."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers.models.transformers.transformer_z_image import ZImageTransformerBlock
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from engine.embedded import WEIGHTS
from engine.files.parts import ModelFiles
from engine.memory import estimate, sizes
from engine.memory.plan import GIB
from engine.models.diffusers.load import load as load_generic
from engine.models.zimage.denoiser import middle, padded
from engine.pictures import codec
from engine.types import EngineSettings, Picture
from lab.bench import __main__ as bench
from lab.bench import pipelines
from lab.bench.black_check import black_check
from lab.bench.clock import best_of
from lab.bench.faults import ALWAYS, FAULTS, GENERIC, overflow_in_the_vae
from lab.bench.inject import ENDS, Stage, inject
from lab.bench.memory import peak
from lab.bench.roofline import operations, products
from lab.bench.sampling_study import METHODS, sampling_study
from lab.bench.speed import Sides, above_floor


@pytest.fixture(scope="module")
def sides() -> Sides:
    torch.set_num_threads(1)
    return bench.small_sides(EngineSettings(device="cpu", guides_always=True))


@contextmanager
def recorded_randn(seen: list[torch.Tensor]) -> Iterator[None]:
    """Collect every tensor of random numbers that is made inside the block."""

    class Recorder(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            result = function(*args, **(kwargs or {}))
            if function is torch.randn:
                seen.append(result)
            return result

    with Recorder():
        yield


def test_runs_take_turns_and_the_warm_up_does_not_count() -> None:
    turns: list[str] = []
    best = best_of({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, rounds=2)
    assert turns == ["a", "b"] * 3
    assert set(best) == {"a", "b"}


@torch.inference_mode()
def test_both_sides_draw_the_same_picture(sides: Sides) -> None:
    task = pipelines.square_task(64, 2, 1.0)
    drawing = pipelines.ours_latents(sides.ours, task, sides.embedding)()[0]  # type: ignore[index]
    stock = pipelines.stock_latents(sides.stock, task, sides.embedding)().images  # type: ignore[attr-defined]
    first = pipelines.ours_latents(sides.ours, task, sides.embedding, batch=2)()[1]  # type: ignore[index]
    torch.testing.assert_close(first.latents, stock[0], atol=1e-3, rtol=0.0)
    assert not torch.equal(drawing.latents, first.latents)


@torch.inference_mode()
def test_the_floor_is_the_products_of_the_stock_forward_without_the_captions_own(sides: Sides) -> None:
    model = sides.components.transformer
    with FlopCounterMode(display=False) as whole:
        pipelines.stock_latents(sides.stock, pipelines.square_task(128, 1, 1.0), sides.embedding)()
    with FlopCounterMode(display=False) as floor:
        products(model, 64, 32, 1)()
    # Of the stock forward the counter sees the linear layers only, not attention's two products.
    counts = floor.get_flop_counts()["Global"]
    linear, attention = counts[torch.ops.aten.mm], counts[torch.ops.aten.bmm]
    assert 0.93 < linear / whole.get_total_flops() < 1
    assert attention == sum(4 * model.dim * tokens**2 for tokens in (64, *[96] * len(model.layers)))


def test_the_operations_counted_are_those_of_the_floor(sides: Sides) -> None:
    model = sides.components.transformer
    with FlopCounterMode(display=False) as counted:
        products(model, 64, 32, 2)()
    assert operations(model, 64, 32, 2) == counted.get_total_flops()


def test_a_plan_counts_from_file_headers_what_the_modules_do_but_for_the_refiners(sides: Sides) -> None:
    whole = operations(sides.components.transformer, 256, estimate.CAPTION, 1)
    assert 0.7 < estimate.operations(sizes.read(ModelFiles(WEIGHTS)), 256, 256) / whole < 1


def test_every_table_can_be_made(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.bench.speed.STEPS", 1)
    monkeypatch.setattr(bench, "STEP_SIZES", [32, 64])
    rows = list(bench.compare(sides, [32], 1, []))
    names = {"whole", "denoising", "stages", "memory", "decoding", "batches", "guidance", "flags", "vae"}
    names |= {"weights", "steps"}
    assert {name for name, _ in rows} == names
    out = io.StringIO()
    bench.write(rows, out, is_json=False)
    assert "| 32 |" in out.getvalue()


def broken(*rows: bench.Row) -> Iterator[tuple[str, bench.Row]]:
    yield from (("memory", row) for row in rows)
    raise RuntimeError("the card is gone")


@pytest.mark.parametrize("is_json", [True, False])
def test_what_was_measured_before_an_error_is_written(is_json: bool) -> None:
    out = io.StringIO()
    with pytest.raises(RuntimeError, match="the card is gone"):
        bench.write(broken({"size": 512, "MiB": 2.5}), out, is_json)
    if is_json:
        assert json.loads(out.getvalue()) == {"memory": [{"size": 512, "MiB": 2.5}]}
    else:
        assert out.getvalue() == "\n### memory\n\n| size | MiB |\n| --- | --- |\n| 512 | 2.5 |\n"


def test_a_size_for_which_memory_runs_out_is_said_and_the_next_table_made(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scarce(sides: Sides, side: int, *_: int) -> bench.Row:
        if side > 32:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return {"size": side}

    monkeypatch.setattr("lab.bench.speed.memory", scarce)
    monkeypatch.setattr("lab.bench.speed.decoding", scarce)
    out = io.StringIO()
    bench.write(bench.compare(sides, [32, 64], 1, ["memory", "decoding"]), out, is_json=False)
    assert out.getvalue().count("| 32 |") == out.getvalue().count("| CUDA out of memory |") == 2


def test_the_floor_holds_one_block_of_a_large_picture() -> None:
    with torch.device("meta"):
        blocks = nn.ModuleList(ZImageTransformerBlock(i, 3840, 30, 30, 1e-5, True) for i in range(3))
        ends = {"2-1": nn.Linear(64, 3840, bias=False)}
        last = {"2-1": SimpleNamespace(linear=nn.Linear(3840, 64, bias=False))}
    model = SimpleNamespace(
        all_x_embedder=ends, all_final_layer=last, noise_refiner=blocks[:1], layers=blocks
    )
    seen: list[torch.Tensor] = []
    with recorded_randn(seen):
        products(model, 128 * 128, 128, 1)
    assert sum(each.nbytes for each in seen) < 8 * GIB
    with FlopCounterMode(display=False) as counted:
        products(model, 128 * 128, 128, 1)()
    assert operations(model, 128 * 128, 128, 1) == counted.get_total_flops()


def test_the_compiled_pipeline_shares_the_stock_weights_and_draws_the_same(sides: Sides) -> None:
    compiled = pipelines.stock_compiled(bench._stocks(sides), backend="eager")
    task = pipelines.square_task(64, 1, 1.0)
    expected, found = (
        pipelines.stock_latents(each, task, sides.embedding)().images  # type: ignore[attr-defined]
        for each in (sides.stock, compiled)
    )
    assert torch.equal(found, expected)
    blocks = [pipe.transformer.layers[0] for pipe in (compiled, sides.stock)]
    assert [block._compiled_call_impl is not None for block in blocks] == [True, False]
    assert blocks[0].feed_forward.w1.weight is blocks[1].feed_forward.w1.weight


def test_a_share_of_the_ceiling_is_reported_for_each_run(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.bench.speed.best_of", lambda runs, _: dict.fromkeys(runs, 2.0) | {"floor": 1.0})
    row = above_floor(replace(sides, compiled=sides.stock), 32, 1)
    work = 8 * operations(sides.components.transformer, 4, padded(len(sides.embedding)), 1)
    shares = {name: value for name, value in row.items() if name.startswith("share")}
    assert set(shares) == {"share, stock", "share, stock compiled", "share, ours"}
    assert list(shares.values()) == pytest.approx([work / (2 * 512**3)] * 3)


def test_memory_taken_for_a_moment_is_seen_and_what_lay_there_before_is_not() -> None:
    there = torch.ones(2**24)

    def take() -> None:
        held = torch.ones(2**25)
        assert all(float(held.sum()) > 0 for _ in range(30))  # long enough to be looked at

    taken = peak(torch.device("cpu"), take)
    assert 0.9 * 2**27 < taken < 1.5 * 2**27
    assert len(there) == 2**24


def test_faults_leave_no_black_picture_no_fault_behind_and_the_worker_alive(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.bench.inject.SIDE", 128)
    generic = load_generic(EngineSettings(device="cpu"), WEIGHTS)
    *rows, total = inject(sides.ours, runs=len(FAULTS) + len(GENERIC), generic=generic)
    assert (total["runs"], total["black"]) == (len(FAULTS) + len(GENERIC), 0)
    ends = {row["fault"]: next(kind for kind in ENDS if row[kind]) for row in rows}
    assert list(ends) == [*FAULTS, *GENERIC]
    for fault, end in ends.items():
        if fault.endswith(", always") or ("memory" in fault and fault.endswith(", from then on")):
            assert (fault, end) == (fault, "refused")
        elif "memory" in fault and "redraw" not in fault:
            assert (fault, end) == (fault, "same")
    assert ends["NaN or inf in a block, once"] == "same"
    assert ends["overflow inside the VAE, once"] == "same"
    assert ends["out of memory in the redraw, once"] == "drawn anew"
    assert ends["device failure in a step"] == "lost"
    assert ends["generic: NaN or inf in a step, once"] == "same"
    after = Stage(sides.ours).draw(pipelines.square_task(64, 2, 1.8), nullcontext())
    assert isinstance(after, Picture)
    assert after.report["guards"] == []


def test_half_precision_that_overflows_inside_the_vae_is_decoded_in_float32(sides: Sides) -> None:
    half = bench.ours(EngineSettings(device="cpu", dtype="float16"))
    stage, task = Stage(half), pipelines.square_task(64, 1, 1.0)
    twin = stage.draw(task, nullcontext())
    seen: list[bool] = []
    hooks = [
        module.register_forward_pre_hook(lambda _, given: seen.append(bool(torch.isinf(given[0]).any())))
        for name, module in half.components.vae.decoder.named_modules()
        if name.endswith("norm2")
    ]
    end = stage.draw(task, overflow_in_the_vae(ALWAYS)(half, Random(1)))
    for hook in hooks:
        hook.remove()
    assert any(seen)
    assert isinstance(twin, Picture)
    assert isinstance(end, Picture)
    assert end.report["guards"] == ["pixels are flat or not finite (spread nan); decoded again in float32"]
    levels = [np.asarray(codec.read(picture.png), int) for picture in (twin, end)]
    assert np.abs(levels[0] - levels[1]).max() <= 2


def test_the_sampling_study_compares_every_method_with_the_teacher(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.bench.sampling_study.SIDE", 128)
    monkeypatch.setattr("lab.bench.sampling_study.TEACHER_STEPS", 8)
    names = ("static, 8 steps", "reuse fast, 8 steps")
    monkeypatch.setattr("lab.bench.sampling_study.METHODS", {name: METHODS[name] for name in names})
    teacher, static, reuse = sampling_study(sides.ours, 3)
    assert (teacher["forwards"], teacher["distance"], teacher["sharpness"]) == (9, 0, 1)
    assert (static["forwards"], static["distance"]) == (9, 0)
    blocks = len(sides.ours.components.transformer.layers)
    first, last = middle(blocks)
    assert reuse["forwards"] == pytest.approx(9 - 3 * (last - first) / (blocks + 1), abs=0.01)
    guided, *_ = sampling_study(sides.ours, 3, sides.ours.components)
    assert guided["forwards"] == 16


def test_float16_that_overflows_in_the_stock_forward_draws_without_a_guard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lab.bench.black_check.STEPS", 2)
    row = black_check(bench.ours(EngineSettings(device="cpu")).components, torch.float16, 1)
    assert not row["stock forward is finite"]
    assert (row["drawn"], row["black"], row["refused"], row["with a guard's help"]) == (1, 0, 0, 0)
