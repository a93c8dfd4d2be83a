"""A tiny real chat model in a folder: found, described, kept in few bits, and writing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.models.phi3 import Phi3Config, Phi3ForCausalLM
from transformers.models.qwen3 import Qwen3Config, Qwen3ForCausalLM, Qwen3Model

from engine.memory.plan import GIB, MIB, Plan, PlanRequest
from engine.memory.planner import choose as planned
from engine.memory.probe import Facts
from engine.memory.residency import FreeMemory, free_memory
from engine.memory.sizes import Z_IMAGE
from engine.memory.weights import PackedLinear
from engine.models.describe import _writer
from engine.prompts import Optimizer
from engine.prompts.llm import choose
from engine.types import EngineError, Generate
from tests.engine.prompts.tiny import TINY, forced, run

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
GOOD = "A cat lies on a wooden windowsill, low sunlight on its fur, seen at eye level."
WIDE = Qwen3Config(**{**TINY.to_dict(), "hidden_size": 64, "head_dim": 32, "tie_word_embeddings": False})
PHI = Phi3Config(
    vocab_size=1024, hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=2, max_position_embeddings=4096, sliding_window=2047, eos_token_id=2, pad_token_id=0,
)  # fmt: skip


def facts(free: float = 64 * GIB) -> Facts:
    return Facts("cpu", "CPU", int(free), 64 * GIB, False, int(free), 64 * GIB)


def free(bytes_left: float = 64 * GIB) -> FreeMemory:
    return free_memory(facts(bytes_left), 0, "float32")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return planned(facts(), Z_IMAGE, PlanRequest(512, 512))


@pytest.fixture(scope="module")
def large() -> Plan:
    """On a card that holds everything in bfloat16."""
    card = Facts("cuda", "card", 80 * GIB, 80 * GIB, True, 64 * GIB, 64 * GIB)
    return planned(card, Z_IMAGE, PlanRequest())


@pytest.fixture
def folder(tmp_path: Path, tokenizer: Any) -> Path:
    return saved(Qwen3ForCausalLM(WIDE), tmp_path, tokenizer)


def saved(model: Any, folder: Path, tokenizer: Any) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_setting_chooses_the_model(
    encoder: Qwen3Model, tokenizer: Any, folder: Path, plan: Plan, large: Plan
) -> None:
    def chosen(optimizer: str, device: str, plan: Plan) -> str | None:
        model = choose.choose(optimizer, encoder, tokenizer, torch.device(device), plan, free)
        return None if model is None else model.name

    assert [chosen(name, "cpu", plan) for name in ("rules", "auto")] == [None, None]
    assert chosen("auto", "cuda", large) == chosen("text-encoder", "cpu", plan) == "text-encoder"
    assert chosen(str(folder), "cpu", plan) == str(folder)


def test_a_text_encoder_that_is_streamed_is_not_chosen_by_itself(encoder: Qwen3Model, tokenizer: Any) -> None:
    small = Facts("cuda", "card", 12 * GIB, 12 * GIB, True, 64 * GIB, 64 * GIB)
    plan = planned(small, Z_IMAGE, PlanRequest())
    assert plan.text_encoder == "streamed"
    assert choose.choose("auto", encoder, tokenizer, torch.device("cuda"), plan, free) is None


def test_where_the_encoder_left_half_precision_for_float32_it_is_not_chosen_by_itself(
    encoder: Qwen3Model, tokenizer: Any, large: Plan
) -> None:
    half = replace(large, dtype="float16")
    assert choose.choose("auto", encoder, tokenizer, torch.device("cuda"), half, free) is None
    assert choose.choose("text-encoder", encoder, tokenizer, torch.device("cuda"), half, free) is not None


def test_a_model_whose_text_encoder_is_no_language_model_takes_rules_or_a_chat_model(folder: Path) -> None:
    assert [choose.choose_apart(name, CPU, free) for name in ("auto", "rules")] == [None, None]
    assert choose.choose_apart(str(folder), CPU, free).name == str(folder)
    with pytest.raises(EngineError, match="set \\[model\\] optimizer to rules"):
        choose.look_apart("text-encoder")


def broken(folder: Path, how: str) -> str:
    """What to set `optimizer` to for a model that can't be used in that way."""
    config = folder / "config.json"
    match how:
        case "no JSON":
            config.write_text("{")
        case "no text model":
            config.write_text('{"model_type": "clip_vision_model"}')
        case "unknown kind":
            config.write_text('{"model_type": "of-tomorrow"}')
        case "no chat template":
            (folder / "chat_template.jinja").unlink()
        case "half a file":
            (file,) = folder.glob("*.safetensors")
            file.write_bytes(file.read_bytes()[:-9])
        case "a file":
            return str(config)
        case "not here":
            return "nobody/no-such-chat-model"
        case "an encoder":
            return "text-encoder"
    return str(folder)


WAYS = (
    "no JSON",
    "no text model",
    "unknown kind",
    "no chat template",
    "half a file",
    "a file",
    "not here",
    "an encoder",
)


@pytest.mark.parametrize("how", WAYS)
def test_where_a_model_cannot_be_used_rules_write_and_the_operator_is_told(
    folder: Path, how: str, plan: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    name = broken(folder, how)
    assert choose.choose_apart(name, CPU, free) is None
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage().startswith("rules write the prompts: ")
    if how != "an encoder":
        assert record.getMessage().endswith(_writer(name, plan, facts())["writer_refusal"])


def test_an_encoder_without_a_language_head_leaves_the_prompts_to_the_rules(
    tokenizer: Any, plan: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    untied = Qwen3Model(Qwen3Config(**{**TINY.to_dict(), "tie_word_embeddings": False}))
    assert choose.choose("text-encoder", untied, tokenizer, CPU, plan, free) is None
    assert "no language head" in caplog.text


def test_a_model_that_fails_in_its_own_code_leaves_the_prompt_to_the_rules(folder: Path) -> None:
    model = choose.choose_apart(str(folder), CPU, free)
    (folder / "model.safetensors").write_bytes(b"no weights")
    ready = Optimizer(language=model).prepare(Generate("画一只猫", enhance=False))
    assert (ready.used, ready.notes[-1]) == ("a cat", "optimizer:failed")
    assert str(folder) not in repr(ready)


def test_a_missing_model_is_named_with_the_fix(tmp_path: Path) -> None:
    for name in (str(tmp_path), "nobody/no-such-chat-model"):
        with pytest.raises(EngineError, match="give a folder or use rules"):
            choose.load(name, CPU, free())


def test_what_is_no_chat_model_is_refused_at_the_door(folder: Path, tokenizer: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(EngineError, match="no chat template"):
        choose.load(str(folder), CPU, free())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(EngineError, match="quantized already"):
        choose.load(str(folder), CPU, free())


@pytest.mark.parametrize("family", [Qwen3ForCausalLM(WIDE), Phi3ForCausalLM(PHI)], ids=["qwen3", "phi3"])
def test_a_chat_model_of_any_family_writes(family: Any, tmp_path: Path, tokenizer: Any) -> None:
    model = choose.load(str(saved(family, tmp_path, tokenizer)), CPU, free())
    assert model is not None
    text, turns = run(forced(model, [GOOD]).write("一只猫"))
    assert text == GOOD
    assert turns > 5


def test_the_doctor_hears_how_it_would_be_kept_or_why_it_cannot(folder: Path, plan: Plan) -> None:
    assert _writer(str(folder), plan, facts()) == {"writer": "whole, beside pictures, up to 8 at a time"}
    full = facts(plan.peak - plan.transient(512, 512))
    assert _writer(str(folder), plan, full) == {"writer": ""}
    assert "give a folder" in _writer("nobody/no-such-chat-model", plan, facts())["writer_refusal"]
    assert _writer("text-encoder", plan, facts()) == {}


def test_its_weights_are_not_read_before_the_first_wish(folder: Path) -> None:
    model = choose.load(str(folder), CPU, free())
    assert model is not None
    (folder / "model.safetensors").unlink()
    with pytest.raises(EngineError, match="cannot be read as a chat model"):
        run(model.write("a cat"))


def test_where_memory_is_short_its_linear_layers_are_kept_in_four_bits(folder: Path) -> None:
    whole, packed = (choose.read(folder, CPU, torch.float32, form) for form in ("plain", "4bit"))
    forms = [module.form for module in packed.modules() if isinstance(module, PackedLinear)]
    assert forms == ["4bit"] * 14
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        exact, rounded = whole(ids).logits, packed(ids).logits
    assert torch.nn.functional.cosine_similarity(exact.flatten(), rounded.flatten(), dim=0) > 0.95
    assert not torch.equal(exact, rounded)


def test_one_that_fits_no_memory_leaves_the_prompts_to_the_rules(
    folder: Path, plan: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    assert choose.load(str(folder), CPU, free(100 * MIB)) is None
    assert "does not fit in memory" in caplog.text


def test_it_is_measured_by_its_files(folder: Path) -> None:
    size = choose.measure(folder, WIDE)
    model = Qwen3ForCausalLM(WIDE)
    assert size.linear + size.other == sum(weight.numel() for weight in model.parameters())
    assert size.linear == sum(
        module.weight.numel()
        for module in model.modules()
        if isinstance(module, torch.nn.Linear) and module is not model.lm_head
    )
    assert size.cached == 2 * 2 * 1 * 32 * choose.TOKENS


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model.norm.weight": None}, "lacks model.norm.weight"),
        ({"model.layers.0.mlp.up_proj.weight_scale": torch.ones(1)}, "is quantized .*up_proj.weight_scale"),
        ({f"ema.{n}": torch.ones(1) for n in range(9)}, "of which its config.json knows nothing: ema.0"),
    ],
)
def test_a_chat_model_whose_files_are_not_right_is_refused_and_not_left_at_random(
    folder: Path, changes: dict[str, torch.Tensor | None], reason: str
) -> None:
    (file,) = folder.glob("*.safetensors")
    tensors = {name: t for name, t in (load_file(file) | changes).items() if t is not None}
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(EngineError, match=reason) as caught:
        choose.read(folder, CPU, torch.float32, "plain")
    assert caught.value.code == "model_missing"


def test_a_file_in_place_of_a_chat_model_is_told_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "qwen.gguf").touch()
    with pytest.raises(EngineError, match=r"qwen.gguf is a file \(GGUF\); give a folder or use rules"):
        choose.find(str(tmp_path / "qwen.gguf"))
