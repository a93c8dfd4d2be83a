import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.z_image.pipeline_z_image import calculate_shift, get_default_z_image_sigmas

from engine.sampling import flow
from engine.sampling.flow import Schedule
from engine.types import EngineError

CONFIGS = [
    {"shift": 3.0},
    {"shift": 1.0},
    {"use_dynamic_shifting": True},
    {"use_dynamic_shifting": True, "time_shift_type": "linear", "max_shift": 1.3},
]


@pytest.mark.parametrize("config", CONFIGS)
def test_sigmas_equal_the_schedulers_for_1_to_50_steps(config: dict[str, object]) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(**config)
    for steps in range(1, 51):
        tokens = 64 * steps
        scheduler.set_timesteps(
            sigmas=get_default_z_image_sigmas(steps),
            mu=calculate_shift(tokens, max_shift=scheduler.config.max_shift),
        )
        ours = Schedule.from_config(scheduler.config).sigmas(steps, tokens)
        assert ours == pytest.approx(scheduler.sigmas.tolist(), abs=1e-6)


def test_eight_steps_with_shift_3_are_the_model_cards_sigmas() -> None:
    expected = [1, 0.9545, 0.9, 0.8333, 0.75, 0.6429, 0.5, 0.3, 0]
    assert Schedule(shift=3.0).sigmas(8, 4096) == pytest.approx(expected, abs=1e-4)


def test_a_scheduler_option_that_would_change_the_sigmas_is_refused() -> None:
    with pytest.raises(EngineError, match="use_karras_sigmas"):
        Schedule.from_config({"shift": 3.0, "use_karras_sigmas": True})


def test_equal_seeds_give_equal_noise_and_other_seeds_other_noise() -> None:
    first, again, other = (flow.noise(128, 80, flow.generator(seed)) for seed in (5, 5, 6))
    assert first.shape == (16, 10, 16)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("amount", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("seed", [3, 4])
def test_turned_noise_keeps_its_variance_even_with_the_pictures_own_seed(amount: float, seed: int) -> None:
    initial = flow.noise(512, 512, flow.generator(3))
    assert float(flow.turn_noise(initial, seed, amount).std()) == pytest.approx(1, abs=0.01)


def test_noise_not_turned_is_the_initial_noise() -> None:
    initial = flow.noise(64, 64, flow.generator(3))
    assert flow.turn_noise(initial, 9, 0) is initial


def test_disturbing_moves_about_half_of_the_tokens_by_the_strength_asked() -> None:
    caption = torch.randn(400, 64) * torch.linspace(0.1, 50, 400)[:, None]
    moved = (flow.disturb_caption(caption, 1, 0.3) - caption) / caption.std(dim=1, keepdim=True)
    changed = moved.abs().sum(dim=1) > 0
    assert float(changed.float().mean()) == pytest.approx(0.5, abs=0.1)
    assert float(moved[changed].std()) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("steps", "strength", "skipped"), [(8, 1.0, 0), (8, 0.6, 3), (8, 0.3, 5), (4, 0.01, 3)]
)
def test_strength_skips_the_first_steps(steps: int, strength: float, skipped: int) -> None:
    assert flow.begin(steps, strength) == skipped


@pytest.mark.parametrize(
    ("steps", "scale", "share", "guided"),
    [(8, 1.8, 0.25, 2), (8, 1.0, 0.25, 0), (8, 1.8, 1.0, 8), (1, 1.8, 0.25, 1), (5, 1.8, 0.25, 2)],
)
def test_guidance_acts_on_the_first_share_of_the_steps(
    steps: int, scale: float, share: float, guided: int
) -> None:
    assert flow.guided_steps(steps, scale, share) == guided


def test_guidance_scale_1_is_the_positive_prediction() -> None:
    positive, negative = torch.randn(2, 1, 16, 4, 4).unbind()
    assert torch.equal(flow.guide(positive, negative, 1.0), positive)
