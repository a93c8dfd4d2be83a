"""A chat model and a picture in one memory: who goes when."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from engine.memory.residency import Lodging
from engine.models.zimage.pipeline import ZImagePipeline
from engine.prompts.language import LanguageModel
from engine.prompts.lodger import Lodger
from engine.prompts.together import Decoder
from tests.engine.zimage.conftest import Task, begin, sampled


def guest(*, stays: bool) -> Lodger:
    """A chat model that is in."""
    lodging = Lodging("plain", stays=stays, kept=True, together=1)
    lodger = Lodger(lambda: nn.Linear(2, 2), torch.device("cpu"), lodging)
    while not lodger.ready():
        pass
    return lodger


def house(pipeline: ZImagePipeline, lodger: Lodger) -> ZImagePipeline:
    """The embedded model with a chat model beside it, as a model that draws anything would have."""

    def forward(ids: torch.Tensor, cache: Any, **padding: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    decoder = Decoder(None, forward, frozenset(), lodger.ready)
    writer = LanguageModel("guest", None, decoder, give_way=lodger.give_way)
    return ZImagePipeline(replace(pipeline.components, world=None, writer=writer))


def test_one_that_may_not_stay_waits_from_a_pictures_beginning_to_its_last_step(
    pipeline: ZImagePipeline, task: Task
) -> None:
    lodger = guest(stays=False)
    shared = house(pipeline, lodger)
    drawing = begin(shared, task())
    while drawing.step < drawing.steps:
        assert not lodger.ready()
        shared.step([drawing])
    assert not lodger.ready()
    assert lodger.ready()


def test_one_that_may_stay_goes_on_beside_pictures(pipeline: ZImagePipeline, task: Task) -> None:
    lodger = guest(stays=True)
    sampled(house(pipeline, lodger), task())
    assert lodger.ready()


def test_where_memory_runs_out_the_chat_model_goes_before_the_plan_is_tightened(
    pipeline: ZImagePipeline, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    lodger = guest(stays=True)
    shared = house(pipeline, lodger)
    monkeypatch.setattr(shared.denoiser, "predict", scarce(shared.denoiser.predict))
    twin = sampled(pipeline, task())
    assert torch.equal(sampled(shared, task()).latents, twin.latents)
    assert not lodger.ready()


def scarce(real: Callable[..., Any]) -> Callable[..., Any]:
    """Memory runs out twice: freeing what is idle is not enough."""
    failures = [1, 2]

    def call(*args: Any) -> Any:
        if failures:
            failures.pop()
            raise torch.OutOfMemoryError("on request")
        return real(*args)

    return call
