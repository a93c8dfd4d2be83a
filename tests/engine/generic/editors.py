"""Models that change a picture as words say: the real classes at a tiny size, as the hub would ship them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    LongCatImageEditPipeline,
    LongCatImageTransformer2DModel,
    QwenImageEditPipeline,
    QwenImageEditPlusPipeline,
    QwenImageTransformer2DModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen3Config,
    Qwen3ForCausalLM,
)

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>",
)  # fmt: skip
TEMPLATE = "{% for message in messages %}<|im_start|>{{ message.content }}<|im_end|>{% endfor %}"
SMALL = {
    "vocab_size": 300, "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2,
    "num_key_value_heads": 2, "max_position_embeddings": 4096,
}  # fmt: skip


class StillProcessor(Qwen2VLProcessor):  # type: ignore[misc]
    """The real processor without its part for films, which alone needs torchvision."""

    def __init__(self, image_processor: Any, tokenizer: Any) -> None:
        self.image_processor = image_processor
        self.tokenizer = tokenizer
        self.chat_template = TEMPLATE
        self.image_token, self.video_token = SPECIAL[5:]
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)

    @classmethod
    def get_attributes(cls) -> list[str]:
        """Return the names of its parts."""
        return ["image_processor", "tokenizer"]


def write(kind: str, folder: Path) -> Path:
    """Write the model whose pipeline is `kind` into a folder and return it."""
    torch.manual_seed(0)
    MAKE[kind](folder / "words").save_pretrained(folder / "model")
    return folder / "model"


def _tokenizer(folder: Path) -> Qwen2Tokenizer:
    folder.mkdir(parents=True)
    vocabulary = [*sorted(ByteLevel.alphabet()), *SPECIAL]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = Qwen2Tokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL)})
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _klein(folder: Path) -> Flux2KleinPipeline:
    blocks = 4
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=AutoencoderKLFlux2(
            down_block_types=("DownEncoderBlock2D",) * blocks,
            up_block_types=("UpDecoderBlock2D",) * blocks,
            block_out_channels=(4,) * blocks,
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=1,
        ),
        # The pipeline reads the states behind layers 9, 18 and 27.
        text_encoder=Qwen3ForCausalLM(Qwen3Config(num_hidden_layers=28, head_dim=8, **SMALL)),
        tokenizer=_tokenizer(folder),
        transformer=Flux2Transformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=48,
            timestep_guidance_channels=16,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        ),
        is_distilled=True,
    )


def _reader(folder: Path) -> tuple[Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer, Qwen2VLProcessor]:
    tokenizer = _tokenizer(folder)
    start, end, image, video = (tokenizer.convert_tokens_to_ids(word) for word in SPECIAL[3:])
    ropes = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6}
    model = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config={**SMALL, "num_hidden_layers": 1, "rope_scaling": ropes, "rope_parameters": ropes},
            vision_config={
                "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16,
                "fullatt_block_indexes": [0], "patch_size": 14, "window_size": 112,
            },
            vision_start_token_id=start, vision_end_token_id=end, image_token_id=image, video_token_id=video,
        )
    )  # fmt: skip
    pixels: dict[str, Any] = {"min_pixels": 28 * 28, "max_pixels": 56 * 56}
    processor = StillProcessor(Qwen2VLImageProcessor(**pixels), tokenizer)
    return model, tokenizer, processor


def _longcat(folder: Path) -> LongCatImageEditPipeline:
    encoder, tokenizer, processor = _reader(folder)
    return LongCatImageEditPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(4,) * 4,
            latent_channels=16,
            norm_num_groups=1,
            shift_factor=0.1,
        ),
        text_encoder=encoder,
        tokenizer=tokenizer,
        text_processor=processor,
        transformer=LongCatImageTransformer2DModel(
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            pooled_projection_dim=16,
            axes_dims_rope=[4, 4, 8],
        ),
    )


def _qwen(pipeline: type[Any], folder: Path) -> Any:
    encoder, tokenizer, processor = _reader(folder)
    return pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=AutoencoderKLQwenImage(
            base_dim=8,
            z_dim=16,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            latents_mean=[0.0] * 16,
            latents_std=[1.0] * 16,
        ),
        text_encoder=encoder,
        tokenizer=tokenizer,
        processor=processor,
        transformer=QwenImageTransformer2DModel(
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(8, 4, 4),
        ),
    )


MAKE: dict[str, Callable[[Path], Any]] = {
    "Flux2KleinPipeline": _klein,
    "LongCatImageEditPipeline": _longcat,
    "QwenImageEditPipeline": lambda folder: _qwen(QwenImageEditPipeline, folder),
    "QwenImageEditPlusPipeline": lambda folder: _qwen(QwenImageEditPlusPipeline, folder),
}
