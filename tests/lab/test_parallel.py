"""Facts about one training run in several processes."""

from pathlib import Path

import torch

from lab.train import parallel


def step(folder: Path) -> None:
    """Make one step on a loss that differs by process and write down what came of it."""
    model = torch.nn.Linear(2, 2, bias=False)
    torch.nn.init.zeros_(model.weight)
    (model.weight.sum() * (1 + 2 * parallel.rank())).backward()
    seldom, never = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    if parallel.rank() == 0:
        (3 * seldom).backward()
    parallel.average_gradients([*model.parameters(), seldom, never])
    done: list[torch.Tensor] = []

    def double(items: torch.Tensor) -> torch.Tensor:
        done.append(items)
        return 2 * items

    found = {
        "gradient": model.weight.grad,
        "seldom": seldom.grad,
        "never": never.grad,
        "mean": parallel.mean(float(parallel.rank())),
        "doubled": parallel.divided(double, torch.arange(3.0)[:, None]),
        "done": torch.cat(done),
    }
    torch.save(found, folder / f"{parallel.rank()}.pt")


def test_every_process_steps_along_the_mean_gradient(tmp_path: Path) -> None:
    parallel.launch(2, step, tmp_path)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found["gradient"].tolist() == [[2.0, 2.0], [2.0, 2.0]]
        assert found["mean"] == 0.5


def test_a_parameter_without_a_gradient_in_one_process_counts_as_zero_there(tmp_path: Path) -> None:
    parallel.launch(2, step, tmp_path)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found["seldom"].tolist() == [1.5]
        assert found["never"] is None


def test_work_on_many_items_is_divided_and_its_results_are_shared(tmp_path: Path) -> None:
    parallel.launch(2, step, tmp_path)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert [each["done"].flatten().tolist() for each in found] == [[0.0, 2.0], [1.0]]
    assert [each["doubled"].flatten().tolist() for each in found] == [[0.0, 2.0, 4.0]] * 2


def test_a_single_process_keeps_its_own_gradient(tmp_path: Path) -> None:
    step(tmp_path)
    assert torch.load(tmp_path / "0.pt", weights_only=True)["gradient"].tolist() == [[1.0, 1.0], [1.0, 1.0]]
