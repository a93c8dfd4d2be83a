"""Compiled blocks: which graphs are made, that they compute the same, and what happens when they do not."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch._inductor import compile_fx

from engine.memory.sizes import Weights
from engine.memory.streaming import Streamer
from engine.memory.weights import FAST, pack_linears
from engine.models.zimage.block import Block, run_block
from engine.models.zimage.changes import Dense, Pair, Product
from engine.models.zimage.compiling import Compiled, compiled
from engine.models.zimage.denoiser import WARM_CAPTIONS, Denoiser, padded
from engine.models.zimage.pipeline import USUAL_RATIOS, ZImagePipeline
from engine.models.zimage.speed import Speed
from engine.types import image_tokens
from tests.engine.zimage.conftest import Task, sampled
from tests.engine.zimage.test_block import DIM, inputs, made

SPEED = Speed(compiled=True, real_rope=True)
LIKE = torch.ones(DIM)
WIDE = 192
"""A width of whole groups of 64, which four bits need."""


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[torch.fx.GraphModule]:
    """Every graph torch.compile makes from here on; they are run as they are, which needs no compiler."""
    seen: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _: object) -> object:
        seen.append(graph)
        return graph.forward

    whole = torch.compile
    torch._dynamo.reset()
    monkeypatch.setattr(
        torch, "compile", lambda run, **how: whole(run, backend=backend, fullgraph=True, **how)
    )
    return seen


def test_all_blocks_of_a_shape_share_one_compiled_graph(graphs: list[torch.fx.GraphModule]) -> None:
    tokens, rope, time = inputs()
    run = Compiled(tokens[0, 0])
    for _ in range(3):
        module = made()
        eager, ours = Block(module, real_rope=True), Block(module, real_rope=True, run=run)
        factors = eager.modulation(time)[:, :, None]
        torch.testing.assert_close(
            ours(tokens, rope, factors), eager(tokens, rope, factors), atol=1e-5, rtol=1e-5
        )
    assert len(graphs) == 1


def test_a_warmed_shape_has_a_graph_of_its_own_and_all_others_share_one(
    graphs: list[torch.fx.GraphModule],
) -> None:
    block = Block(made(), real_rope=True)
    run = compiled([block], LIKE)
    assert run is not None
    assert len(graphs) == 3  # the first length, any length, and any number of pictures
    assert [run.warm([block], length) for length in (128, 160)] == [True, True]
    assert len(graphs) == 5
    assert all(run.agrees(block, length) for length in (128, 160, 192, 224))
    assert all(run.agrees(block, length, batch) for length in (64, 192) for batch in (2, 3, 4))
    assert len(graphs) == 5


def streamed(module: nn.Module) -> object:
    return Streamer([module, made()], torch.device("cpu"), resident=0)


def unfused(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.data = parameter.data.clone()


def packed(form: Weights) -> Callable[[nn.Module], None]:
    def pack(module: nn.Module) -> None:
        for part in (module.attention, module.feed_forward):
            pack_linears(part, form, torch.device("cpu"))

    return pack


STORED: tuple[Weights, ...] = ("bfloat16", "int8", "float8", "4bit")
EXACT, ROUNDING = [streamed, unfused, *map(packed, STORED)], [*map(packed, FAST)]

ROUNDED = 2e-2
"""Share by which two ways may differ where activations are rounded: one between two numbers may go to either.

Inputs that are off by 1e-6 move the stock block by up to 0.5 %, the LoRA files below by 25 %.
"""


@pytest.mark.parametrize("kept", [*EXACT, *ROUNDING])
def test_a_block_is_computed_compiled_wherever_and_however_its_weights_are_kept(
    kept: Callable[[nn.Module], object], graphs: list[torch.fx.GraphModule]
) -> None:
    module = made(dim=WIDE)
    holder = kept(module)
    run = compiled([Block(module, real_rope=True)], torch.ones(WIDE))
    assert run is not None
    assert len(graphs) == 3
    with torch.inference_mode():
        tokens, rope, time = inputs(dim=WIDE)
        expected = module(tokens, None, rope, time)
        found = Block(module, real_rope=True, run=run).whole(tokens, rope, time)
    assert (found - expected).norm() < (ROUNDED if kept in ROUNDING else 1e-5) * expected.norm()
    assert len(graphs) == 3
    del holder


def test_a_block_with_a_changed_layer_is_computed_uncompiled(graphs: list[torch.fx.GraphModule]) -> None:
    module, (tokens, rope, time) = made(), inputs()
    block = Block(module, real_rope=True, run=Compiled(LIKE))
    module.feed_forward.w1.register_forward_hook(lambda _, __, output: output * 2)
    ours = block(tokens, rope, block.modulation(time)[:, :, None])
    torch.testing.assert_close(ours, module(tokens, None, rope, time), atol=1e-5, rtol=1e-5)
    assert graphs == []


def test_a_block_with_lora_files_is_computed_by_the_graph_that_serves_without_them(
    graphs: list[torch.fx.GraphModule],
) -> None:
    module, (tokens, rope, time) = made(), inputs()
    run = compiled([Block(module, real_rope=True)], LIKE)
    block = Block(module, real_rope=True, run=run or run_block)
    factors = block.modulation(time)[:, :, None]
    block(tokens, rope, factors)
    known, before = len(graphs), module.attention.to_k.weight.clone()
    layers = (module.attention.to_k, module.attention.to_out[0], module.feed_forward.w1)
    hooks = []
    for layer in layers:
        up, down = torch.randn(layer.out_features, 3) * 0.1, torch.randn(3, layer.in_features) * 0.1
        hooks.append(layer.register_forward_hook(Product([(Pair((up, down)), 0.7)])))
    expected = module(tokens, None, rope, time)
    torch.testing.assert_close(block(tokens, rope, factors), expected, atol=1e-4, rtol=1e-4)
    assert len(graphs) == known
    for hook in hooks:
        hook.remove()
    assert block.is_fused
    assert torch.equal(module.attention.to_k.weight, before)


def changed(layer: nn.Module, rank: int) -> Product:
    up, down = torch.randn(layer.out_features, rank), torch.randn(rank, layer.in_features)
    return Product([(Pair((up / rank, down * 0.1)), 0.7)])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["int8", "4bit", *FAST])
def test_lora_files_beside_packed_matrices_are_computed_by_graphs_that_are_made_at_start(
    form: Weights, graphs: list[torch.fx.GraphModule]
) -> None:
    module = made(dim=WIDE)
    packed(form)(module)
    run = compiled([Block(module, real_rope=True)], torch.ones(WIDE))
    assert run is not None
    assert run.warm_factors([Block(module, real_rope=True)]) == 3
    known, block = len(graphs), Block(module, real_rope=True, run=run)
    attention, feed = module.attention, module.feed_forward
    for rank, batch, layers in (
        (3, 1, [attention.to_k]), (40, 3, [attention.to_q, attention.to_out[0], feed.w1, feed.w2]),
    ):  # fmt: skip
        hooks = [layer.register_forward_hook(changed(layer, rank)) for layer in layers]
        with torch.inference_mode():
            tokens, rope, time = inputs(batch, WIDE)
            expected = module(tokens, None, rope, time)
            found = block(tokens, rope, block.modulation(time)[:, :, None])
        for hook in hooks:
            hook.remove()
        assert (found - expected).norm() < (ROUNDED if form in FAST else 1e-5) * expected.norm()
    assert known == len(graphs) == 6


def test_what_is_more_than_two_factors_beside_a_packed_matrix_is_computed_uncompiled(
    graphs: list[torch.fx.GraphModule],
) -> None:
    module, (tokens, rope, time) = made(dim=WIDE), inputs(dim=WIDE)
    packed("int8")(module)
    layer = module.feed_forward.w1
    whole = Dense((0.1 * torch.randn(layer.out_features, layer.in_features),))
    layer.register_forward_hook(Product([(whole, 0.7)]))
    block = Block(module, real_rope=True, run=Compiled(torch.ones(WIDE)))
    ours = block(tokens, rope, block.modulation(time)[:, :, None])
    torch.testing.assert_close(ours, module(tokens, None, rope, time), atol=1e-5, rtol=1e-5)
    assert graphs == []


def test_graphs_for_lora_files_that_err_leave_everything_uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def erring_beside(run: Callable[..., Tensor], **_: object) -> Callable[..., Tensor]:
        return lambda *given: run(*given) * (1.1 if given[-1].rank else 1)

    monkeypatch.setattr(torch, "compile", erring_beside)
    module, (tokens, rope, time) = made(dim=WIDE), inputs(dim=WIDE)
    packed("int8")(module)
    run = compiled([Block(module, real_rope=True)], torch.ones(WIDE))
    assert run is not None
    run.warm_factors([Block(module, real_rope=True)])
    module.attention.to_q.register_forward_hook(changed(module.attention.to_q, 4))
    block = Block(module, real_rope=True, run=run)
    ours = block(tokens, rope, block.modulation(time)[:, :, None])
    torch.testing.assert_close(ours, module(tokens, None, rope, time), atol=1e-5, rtol=1e-5)


def test_pictures_of_the_usual_ratios_compile_nothing_and_have_graphs_of_their_own(
    graphs: list[torch.fx.GraphModule], pipeline: ZImagePipeline, task: Task
) -> None:
    warmed = ZImagePipeline(pipeline.components, speed=SPEED)
    warmed.warm()
    made_at_start, run = len(graphs), warmed.denoiser._compiled
    assert run is not None
    for ratio in USUAL_RATIOS:
        width, height = warmed.components.profile.sized(ratio)
        sampled(warmed, task(width=width, height=height, steps=1, guidance_scale=1.0))
        image = padded(image_tokens(width // 2, height // 2))
        assert all(run.is_warm(1, image + caption) for caption in (0, *WARM_CAPTIONS))
    assert len(graphs) == made_at_start


def test_warming_up_compiles_the_shapes_that_are_drawn(
    graphs: list[torch.fx.GraphModule], pipeline: ZImagePipeline, task: Task
) -> None:
    warmed = ZImagePipeline(pipeline.components, speed=SPEED)
    assert warmed.denoiser.warm([(128, 128)]) == 1 + len(WARM_CAPTIONS)
    assert all(block.is_fused for block in warmed.denoiser._layers)
    made_at_start = len(graphs)
    wish = task(guidance_scale=1.8, negative_prompt="night")
    expected = sampled(pipeline, wish).latents
    torch.testing.assert_close(sampled(warmed, wish).latents, expected, atol=1e-3, rtol=0)
    assert len(graphs) == made_at_start


def failing(run: object, **_: object) -> object:
    def compiled(*_: object) -> Tensor:
        raise torch._dynamo.exc.TorchDynamoException("no compiler here\nand more")

    return compiled


def erring(run: Callable[..., Tensor], **_: object) -> Callable[..., Tensor]:
    return lambda *given: run(*given) * 1.1


@pytest.mark.parametrize(
    ("compiler", "kept", "warning"),
    [(failing, False, "no compiler here"), (erring, False, "off by"), (lambda run, **_: run, True, "")],
)
def test_a_compiler_that_fails_or_errs_is_not_used(
    compiler: object, kept: bool, warning: str, pipeline: ZImagePipeline,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(torch, "compile", compiler)
    denoiser = Denoiser(pipeline.components.transformer, SPEED)
    assert denoiser.speed.compiled == kept
    assert denoiser.warm([(128, 128)]) == (1 + len(WARM_CAPTIONS) if kept else 0)
    assert warning in caplog.text


def test_a_block_with_a_hooked_layer_is_not_compiled_for_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", None)
    module = made()
    module.attention.to_q.register_forward_hook(lambda *_: None)
    assert compiled([Block(module, real_rope=True)], LIKE) is None


def raising_later(
    error: Exception,
) -> tuple[Callable[..., Callable[..., Tensor]], list[int], Callable[[], None]]:
    """A compiler whose functions work until `breaks` is called, and the lengths they were called with."""
    lengths: list[int] = []
    broken: list[None] = []

    def compiler(run: Callable[..., Tensor], **_: object) -> Callable[..., Tensor]:
        def call(tokens: Tensor, *given: object) -> Tensor:
            lengths.append(tokens.shape[1])
            if broken:
                raise error
            return run(tokens, *given)

        return call

    return compiler, lengths, lambda: broken.append(None)


def test_a_later_graph_that_fails_leaves_everything_uncompiled_with_one_line(
    pipeline: ZImagePipeline, task: Task, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failure = torch._dynamo.exc.TorchDynamoException("no graph for this shape\nand more")
    compiler, lengths, breaks = raising_later(failure)
    monkeypatch.setattr(torch, "compile", compiler)
    own = ZImagePipeline(pipeline.components, speed=SPEED)
    breaks()
    lengths.clear()
    drawing = sampled(own, task())
    torch.testing.assert_close(drawing.latents, sampled(pipeline, task()).latents, atol=1e-3, rtol=0)
    assert len(lengths) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "the transformer runs uncompiled: no graph for this shape"
    ]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("no memory"), torch.AcceleratorError("broken")])
def test_memory_and_device_failures_in_a_compiled_block_are_not_the_compilers(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler, _, breaks = raising_later(error)
    monkeypatch.setattr(torch, "compile", compiler)
    tokens, rope, time = inputs()
    block = Block(made(), real_rope=True, run=Compiled(LIKE))
    breaks()
    with pytest.raises(type(error)):
        block(tokens, rope, block.modulation(time)[:, :, None])


def test_what_torch_says_on_every_card_or_at_every_import_is_no_error_in_the_suite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    compile_fx._warn_tf32_disabled.__wrapped__()
    torch.jit.script(torch.nn.ReLU())
