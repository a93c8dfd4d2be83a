"""Plans for Z-Image's full size from GGUF headers alone: the table of docs/memory.md, line by line."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter
from transformers.models.qwen3.configuration_qwen3 import Qwen3Config
from transformers.models.qwen3.modeling_qwen3 import Qwen3Model

from engine.embedded import WEIGHTS
from engine.files.parts import ModelFiles
from engine.memory import sizes
from engine.memory.loader import empty
from engine.memory.plan import GIB, Plan, PlanRequest
from engine.memory.planner import choose
from engine.memory.sizes import Z_IMAGE, Sizes, keeps_gguf
from lab.bench.fullsize import QWEN3_4B
from lab.single_files import comfy_names, qwen_name
from tests.engine.memory.test_plan import DOCS, card, cpu

Shapes = list[tuple[str, tuple[int, ...]]]


def write_header(file: Path, shapes: Shapes, quant: str, architecture: str, blocks: int = 0) -> Path:
    """Write a GGUF file that is all header, and as long as if its weights were there."""
    writer, kind = GGUFWriter(file, architecture), GGMLQuantizationType[quant]
    if blocks:
        writer.add_uint32(f"{architecture}.block_count", blocks)
    length = 0
    for name, shape in shapes:
        is_large = len(shape) == 2 and shape[1] % 256 == 0 and "adaLN" not in name and "embedder" not in name
        if is_large:
            block, size = GGML_QUANT_SIZES[kind]
            count = torch.Size(shape).numel() // block * size
            row = (*shape[:-1], shape[-1] // block * size)
            writer.add_tensor_info(name, row, torch.zeros(0, dtype=torch.uint8).numpy().dtype, count, kind)
        else:
            count = torch.Size(shape).numel() * 2
            writer.add_tensor_info(name, shape, torch.zeros(0, dtype=torch.float16).numpy().dtype, count)
        length += -(-count // 32) * 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size + length + 32)
    return file


def parameters(module: torch.nn.Module) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name, parameter in module.named_parameters():
        yield name, tuple(parameter.shape)


@pytest.fixture(scope="session")
def headers(tmp_path_factory: pytest.TempPathFactory) -> "Headers":
    return Headers(tmp_path_factory.mktemp("headers"))


class Headers:
    """Files of headers for Z-Image-Turbo and Qwen3-4B."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._transformer = comfy_names(dict(parameters(empty(ZImageTransformer2DModel))))
        encoder = parameters(empty(lambda: Qwen3Model(Qwen3Config(**QWEN3_4B))))
        self._encoder = [(qwen_name(name), shape) for name, shape in encoder]
        self.sizes = cache(self._sizes)
        self.files = cache(self._files)

    def _files(self, quant: str) -> tuple[Path, Path]:
        transformer = write_header(self._folder / f"z-{quant}.gguf", self._transformer, quant, "lumina2")
        encoder = write_header(self._folder / f"q-{quant}.gguf", self._encoder, quant, "qwen3", 36)
        return transformer, encoder

    def _sizes(self, quant: str) -> Sizes:
        transformer, encoder = self.files(quant)
        files = ModelFiles(WEIGHTS, {"transformer": transformer, "text_encoder": encoder})
        measured = sizes.read(files)
        return replace(Z_IMAGE, transformer=measured.transformer, text_encoder=measured.text_encoder)

    def plan(self, quant: str, gib: float) -> Plan:
        return choose(card(gib), self.sizes(quant), PlanRequest())


def test_headers_have_the_numbers_of_the_published_models(headers: Headers) -> None:
    measured = headers.sizes("Q8_0")
    for stack, known in (
        (measured.transformer, Z_IMAGE.transformer),
        (measured.text_encoder, Z_IMAGE.text_encoder),
    ):
        assert (stack.blocks, stack.linear, stack.other) == (known.blocks, known.linear, known.other)
        assert stack.gguf is not None
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType.Q8_0]
        assert stack.gguf.block == known.linear // block * size


@pytest.mark.parametrize("quant", ["Q8_0", "Q6_K", "Q4_K", "Q2_K"])
def test_before_a_download_the_files_lengths_say_nearly_what_their_headers_say(
    headers: Headers, quant: str
) -> None:
    guessed = sizes.of_gguf(*(file.stat().st_size for file in headers.files(quant)))
    for gib in (6, 8, 12, 16):
        before, after = choose(card(gib), guessed, PlanRequest()), headers.plan(quant, gib)
        assert before.peak == pytest.approx(after.peak, rel=0.1)
        assert before.streamed_bytes == pytest.approx(after.streamed_bytes, abs=0.6 * GIB)


def test_fewer_bits_never_take_more(headers: Headers) -> None:
    peaks = [choose(card(24), headers.sizes(quant), PlanRequest()).peak for quant in ("Q8_0", "Q5_K", "Q2_K")]
    assert peaks == sorted(peaks, reverse=True)


def test_on_a_cpu_the_blocks_stay_as_they_are_too(headers: Headers) -> None:
    plan = choose(cpu(16), headers.sizes("Q4_K"), PlanRequest())
    assert (plan.dtype, plan.form("transformer").weights) == ("float32", "gguf")
    assert "weights kept in GGUF" in plan.describe()


def test_only_the_encoder_is_narrowed_beside_a_gguf_transformer(headers: Headers) -> None:
    mixed = replace(headers.sizes("Q4_K"), text_encoder=Z_IMAGE.text_encoder)
    plan = choose(card(8, host=6), mixed, PlanRequest())
    assert plan.form("transformer").weights == "gguf"
    assert plan.form("text_encoder").weights in ("int8", "4bit")


def test_a_matrix_that_stays_packed_is_a_blocks_or_a_refiners() -> None:
    assert keeps_gguf("noise_refiner.0.feed_forward.w1.weight", (10, 10))
    assert keeps_gguf("layers.3.attention.to_q.weight", (10, 10))
    assert not keeps_gguf("layers.3.adaLN_modulation.0.weight", (10, 10))
    assert not keeps_gguf("cap_embedder.1.weight", (10, 10))


@pytest.mark.parametrize("line", re.findall(r"^\| Q\d.*$", DOCS, re.MULTILINE))
def test_the_documents_table_of_forms_is_what_is_planned(line: str, headers: Headers) -> None:
    quant, gib, layout, download, peak, streamed = (cell.strip() for cell in line.strip("|").split("|"))
    plan = headers.plan(quant, float(gib.removesuffix(" GB")))
    size = sum(file.stat().st_size for file in headers.files(quant))
    assert layout == plan.describe()
    assert (download, peak, streamed) == (
        f"{size / 1e9:.1f} GB",
        f"{plan.peak / GIB:.1f}",
        f"{plan.streamed_bytes / GIB:.1f}",
    )


def test_the_documents_table_has_every_form_and_card() -> None:
    rows = re.findall(r"^\| (Q\w+) \| (\d+) GB \|", DOCS, re.MULTILINE)
    assert rows == [
        (quant, gib)
        for quant in ("Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q3_K", "Q2_K")
        for gib in ("6", "8", "12", "16")
    ]
