"""Several engines behind one keep the contract of one, and share its tasks."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bot import wiring
from bot.setup.config import Config, ModelConfig
from engine.runtime import cards
from engine.runtime.cards import CardsEngine
from engine.runtime.process import EngineState, ProcessEngine
from engine.types import Generate, ModelProfile
from tests.contracts.engine_contract import EngineContract, Kill, Record, each
from tests.engine.scripted import CAPACITY, Script


class TestCardsEngine(EngineContract):
    long = 4000
    """Two processes take half the time for the steps of all."""

    @pytest.fixture
    async def engine(self, script: Script) -> AsyncIterator[CardsEngine]:  # type: ignore[override]
        engines = [ProcessEngine(script.settings, delay=lambda deaths: 0.0) for _ in range(2)]
        async for engine in each(CardsEngine(engines)):
            yield engine

    @pytest.fixture
    def kill(self, engine: CardsEngine) -> Kill:
        async def kill() -> None:
            for card in engine.engines:
                if card.pid is not None:
                    psutil.Process(card.pid).kill()

        return kill

    async def test_tasks_are_shared_by_the_cards(self, engine: CardsEngine) -> None:
        await engine.ready()
        assert engine.rooms == (CAPACITY, CAPACITY)
        assert engine.state == EngineState("ready")
        record = Record()
        async with asyncio.TaskGroup() as group:
            for seed in range(2):
                group.create_task(record.play(engine, self.task(seed=seed)))
            await asyncio.sleep(0)
            assert engine._used == [64, 64]
        assert engine._used == [0, 0]


class Card:
    """An engine of which only the state matters."""

    def __init__(self, phase: str) -> None:
        self.state = EngineState(phase)  # type: ignore[arg-type]
        self.rooms = (1024,)
        self.ran = 0

    async def run(self, task: Generate) -> AsyncIterator[object]:
        self.ran += 1
        yield task


@pytest.mark.parametrize(
    ("phases", "busy", "chosen"),
    [
        (["failed", "ready"], 0, 1),
        (["failed", "failed"], 0, 0),
        (["loading", "ready"], 0, 1),
        (["loading", "ready"], 1024, 0),
        (["ready", "ready"], 256, 0),
    ],
)
async def test_a_task_goes_to_a_card_that_is_ready_and_has_room_and_to_a_failed_one_last(
    phases: list[str], busy: int, chosen: int
) -> None:
    made: list[Any] = [Card(phase) for phase in phases]
    engine = CardsEngine(made)
    engine._used[1] = busy
    assert engine.state.phase == min(phases, key=["ready", "loading", "failed"].index)
    async for _ in engine.run(Generate("a cat", width=512, height=512)):
        pass
    assert [card.ran for card in made] == [int(at == chosen) for at in range(2)]


@pytest.mark.parametrize(("count", "devices"), [(3, ["cuda:0", "cuda:1", "cuda:2"]), (1, []), (0, [])])
def test_all_means_a_process_on_each_of_several_cards(
    count: int, devices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = SimpleNamespace(returncode=0, stdout=f"{count}\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    engine = wiring._engine(Config(model=ModelConfig(device="all")), ModelProfile("small", 64, 256))
    if devices:
        assert isinstance(engine, CardsEngine)
        assert [card._settings.device for card in engine.engines] == devices
    else:
        assert isinstance(engine, ProcessEngine)
        assert engine._settings.device in ("auto", "cuda:0")


def test_a_torch_that_does_not_start_has_no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "_COUNT", "import no_such_torch")
    assert cards.cards() == []
