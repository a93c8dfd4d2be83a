"""A chat model and a picture in one memory: who goes when."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from engine.memory.residency import Residency
from engine.models.zimage.pipeline import ZImagePipeline
from engine.prompts.llm.batch_decoder import Decoder
from engine.prompts.llm.chat import LanguageModel
from engine.prompts.llm.resident_model import ResidentModel
from tests.engine.zimage.conftest import Task, begin, sampled


def resident_model(*, stays: bool) -> ResidentModel:
    """A chat model that is in."""
    residency = Residency("plain", stays=stays, kept=True, together=1)
    resident = ResidentModel(lambda: nn.Linear(2, 2), torch.device("cpu"), residency)
    while not resident.ready():
        pass
    return resident


def held(pipeline: ZImagePipeline, resident: ResidentModel) -> ZImagePipeline:
    """The embedded model with a chat model beside it, as a model that draws anything would have."""

    def forward(ids: torch.Tensor, cache: Any, **padding: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    decoder = Decoder(None, forward, frozenset(), resident.ready)
    writer = LanguageModel(
        "chat", pipeline.components.tokenizer, decoder, release_memory=resident.release_memory
    )
    return ZImagePipeline(replace(pipeline.components, world=None, writer=writer))


def test_one_that_may_not_stay_waits_from_a_pictures_beginning_to_its_last_step(
    pipeline: ZImagePipeline, task: Task
) -> None:
    resident = resident_model(stays=False)
    shared = held(pipeline, resident)
    drawing = begin(shared, task())
    while drawing.step < drawing.steps:
        assert not resident.ready()
        shared.step([drawing])
    assert not resident.ready()
    assert resident.ready()


def test_one_that_may_stay_goes_on_beside_pictures(pipeline: ZImagePipeline, task: Task) -> None:
    resident = resident_model(stays=True)
    sampled(held(pipeline, resident), task())
    assert resident.ready()


def test_where_memory_runs_out_the_chat_model_goes_before_the_plan_is_tightened(
    pipeline: ZImagePipeline, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = resident_model(stays=True)
    shared = held(pipeline, resident)
    monkeypatch.setattr(shared.denoiser, "predict", scarce(shared.denoiser.predict))
    twin = sampled(pipeline, task())
    assert torch.equal(sampled(shared, task()).latents, twin.latents)
    assert not resident.ready()


def scarce(real: Callable[..., Any]) -> Callable[..., Any]:
    """Memory runs out twice: freeing what is idle is not enough."""
    failures = [1, 2]

    def call(*args: Any) -> Any:
        if failures:
            failures.pop()
            raise torch.OutOfMemoryError("on request")
        return real(*args)

    return call
