"""What is not understood is translated: by a tiny real model, and by one that says what a test wants."""

import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from pathlib import Path

import pytest
from transformers.models.marian import MarianConfig, MarianMTModel

from engine.prompts.complete.optimize import Target, optimize
from engine.prompts.llm import choose, translator
from engine.prompts.llm.translator import Translator
from engine.types import EngineError

needs_runtime = pytest.mark.skipif(not translator.has_runtime(), reason="ctranslate2 is not installed")


def saying(*answers: str) -> Translator:
    """A translator that is ready and says these sentences."""
    made = Translator(lambda: lambda sentences: answers)
    wait([made._opening])
    return made


def test_what_is_not_understood_is_translated_for_a_model_that_reads_no_chinese() -> None:
    def english(*answers: str) -> str:
        return optimize("一只蓬蓬的魆猫", None, Target(translator=saying(*answers))).text

    assert english("A fluffy ghost cat.") == "A fluffy ghost cat."
    assert english("一只 cat") == english("Please draw it.") == optimize("一只蓬蓬的魆猫").text


@pytest.mark.parametrize(
    ("prompt", "answer", "translated"),
    [
        ("写着“开门”的招牌", "A sign that says XQ0.", "A sign that says “开门”."),
        ("写着“开门”的招牌", "A sign that says open.", ""),
        ("一只狐狸", "A red fox.", "A red fox."),
        ("一只狐狸", "A house in the snow.", ""),
        ("三只狐狸", "A fox, a fox, a fox, a fox.", ""),
    ],
)
def test_a_translation_that_strays_is_not_used(prompt: str, answer: str, translated: str) -> None:
    assert saying(answer)(prompt) == translated


def test_one_that_cannot_be_had_translates_nothing_and_the_operator_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def missing() -> Callable[[Sequence[str]], Sequence[str]]:
        raise EngineError("model_missing", "the disk is full")

    made = Translator(missing)
    wait([made._opening])
    assert made("一只狐狸") == ""
    assert "the disk is full" in caplog.text


@needs_runtime
@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
def test_a_real_model_of_the_kind_translates(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import sentencepiece
    from ctranslate2.converters import TransformersConverter

    caplog.set_level(logging.INFO)
    text = tmp_path / "text"
    text.write_text("\n".join(["一只红色的狐狸在雪地里", "a red fox in the snow and a boat"] * 20))
    folder = tmp_path / "marian"
    folder.mkdir()
    for side in ("source", "target"):
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=str(folder / side), vocab_size=30, minloglevel=2
        )
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    names = ["</s>", "<unk>", *(pieces.id_to_piece(at) for at in range(3, 30)), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: at for at, name in enumerate(names)}))
    (folder / "tokenizer_config.json").write_text('{"source_lang": "zh", "target_lang": "en"}')
    config = MarianConfig(
        vocab_size=len(names), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, pad_token_id=len(names) - 1,
        eos_token_id=0, decoder_start_token_id=len(names) - 1, max_position_embeddings=256,
        activation_function="swish",
    )  # fmt: skip
    MarianMTModel(config).save_pretrained(folder)
    made = tmp_path / "made"
    files = ["source.spm", "target.spm"]
    TransformersConverter(str(folder), copy_files=files).convert(str(made), quantization="int8")
    assert {file.name for file in made.iterdir()} >= {each.file for each in translator.FILES}
    (english,) = translator.opened(made, 1)(["一只红色的狐狸"])
    assert isinstance(english, str)


def test_the_setting_names_it_and_the_operator_hears_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translator, "has_runtime", lambda: False)
    assert choose.translator("opus-mt-zh-en", 1) is None
    with pytest.raises(EngineError, match=r"zimage-bot\[translator\]"):
        choose.look_apart("opus-mt-zh-en")
