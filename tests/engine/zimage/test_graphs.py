"""Recorded forwards. A recorder that computes anew on each replay stands for CUDA; the rest is real."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from engine.memory.graphs import MOST_GRAPHS, Graphs, Recorded
from engine.models.zimage import denoiser as module
from engine.models.zimage.pipeline import ZImagePipeline
from engine.models.zimage.speed import Speed
from tests.engine.zimage.conftest import Task, sampled


class Recorder:
    """Records a run and replays it into the very tensors the recording returned, as CUDA does."""

    def __init__(self) -> None:
        self.recorded = 0
        self.replayed = 0

    def __call__(self, run: Callable[[], tuple[Tensor, ...]]) -> Recorded:
        self.recorded += 1
        results = run()

        def replay() -> None:
            self.replayed += 1
            for mine, new in zip(results, run(), strict=True):
                mine.copy_(new)

        return replay, results


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def graphed(pipeline: ZImagePipeline, recorder: Recorder) -> ZImagePipeline:
    """The embedded model with every small forward recorded."""
    made = ZImagePipeline(pipeline.components, guided_share=1.0, speed=Speed(cuda_graphs=True))
    made.denoiser._graphs = Graphs(made.denoiser._computed, recorder)
    return made


def test_results_are_the_callers_own_and_inputs_are_those_of_the_call(recorder: Recorder) -> None:
    graphs = Graphs(lambda a, b: (a + b, a * b), recorder)
    first = graphs(torch.tensor([1.0]), torch.tensor([2.0]))
    second = graphs(torch.tensor([3.0]), torch.tensor([4.0]))
    assert [float(each) for each in (*first, *second)] == [3, 2, 7, 12]
    assert (recorder.recorded, recorder.replayed) == (1, 2)


def test_each_shape_is_recorded_once_and_only_the_latest_are_remembered(recorder: Recorder) -> None:
    graphs = Graphs(lambda a: (a,), recorder)
    for length in (*range(1, MOST_GRAPHS + 2), MOST_GRAPHS, 1):
        assert len(graphs(torch.ones(length))[0]) == length
    assert recorder.recorded == MOST_GRAPHS + 2
    graphs.forget()
    graphs(torch.ones(1))
    assert recorder.recorded == MOST_GRAPHS + 3


def test_where_recording_fails_the_forward_is_called_and_not_recorded_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tried: list[object] = []

    def refuse(run: object) -> Recorded:
        tried.append(run)
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    graphs = Graphs(lambda a: (a + 1,), refuse)
    assert [float(graphs(torch.zeros(()))[0]) for _ in range(2)] == [1, 1]
    assert len(tried) == 1
    assert "not permitted when stream is capturing" in caplog.text


def test_a_picture_from_recorded_forwards_is_bit_identical(
    graphed: ZImagePipeline, every_step: ZImagePipeline, recorder: Recorder, task: Task
) -> None:
    wish = task(guidance_scale=1.8, negative_prompt="a big green cat in the snow at night, " * 4)
    assert torch.equal(sampled(graphed, wish).latents, sampled(every_step, wish).latents)
    assert (recorder.recorded, recorder.replayed) == (2, 8)


def test_large_forwards_changed_layers_and_moved_weights_are_not_replayed(
    graphed: ZImagePipeline, recorder: Recorder, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = task(guidance_scale=1.0, steps=1)
    layer = graphed.components.transformer.layers[1].attention.to_q
    hook = layer.register_forward_hook(lambda *_: None)
    sampled(graphed, wish)
    hook.remove()
    with graphed.denoiser.in_float32():
        sampled(graphed, wish)
    with monkeypatch.context() as patch:
        patch.setattr(module, "MOST_GRAPHED", 63)
        sampled(graphed, wish)
    assert recorder.recorded == 0
    sampled(graphed, wish)
    graphed.denoiser.refresh()
    sampled(graphed, wish)
    assert recorder.recorded == 2


def test_off_cuda_the_flag_records_nothing(pipeline: ZImagePipeline) -> None:
    made = ZImagePipeline(pipeline.components, speed=Speed(cuda_graphs=True))
    assert made.denoiser._graphs is None
