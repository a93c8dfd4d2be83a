"""The comparison sheet: one wish, three treatments, one seed."""

import asyncio

from engine.fake import FakeEngine
from engine.pictures import codec
from engine.types import Generate
from lab.compare import compare, sheet


async def test_the_three_pictures_differ_in_treatment_alone() -> None:
    engine = FakeEngine()
    columns = await compare(engine, Generate("a cat", width=64, height=64, seed=9))
    assert [column.name for column in columns] == ["original", "optimized", "enhanced"]
    tasks = [task for task in engine.tasks if isinstance(task, Generate)]
    assert [(task.optimize, task.enhance) for task in tasks] == [(False, False), (True, False), (True, True)]
    assert {(task.prompt, task.seed, task.width, task.steps) for task in tasks} == {("a cat", 9, 64, 8)}


async def test_the_sheet_holds_the_pictures_side_by_side() -> None:
    columns = await compare(FakeEngine(), Generate("a cat", width=64, height=64))
    board = await asyncio.to_thread(sheet, columns)
    assert board.size == (3 * 72 + 8, 64 + 24 + 8)
    for place, column in enumerate(columns):
        left = 8 + 72 * place
        shown = board.crop((left, 24, left + 64, 88))
        assert shown.tobytes() == codec.read(column.picture.png).tobytes()
