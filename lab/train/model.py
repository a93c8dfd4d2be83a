"""The untrained components of the embedded model: Z-Image's classes at a tiny size, and the tokenizer."""

from functools import cache
from random import Random
from typing import Any

from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImageTransformer2DModel
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

from lab.render.captions import caption, long_caption
from lab.render.world import SMALL_WORLD, World

LATENT_CHANNELS = 16
TEXT_WIDTH = 224
SPECIAL_TOKENS: tuple[str, ...] = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}"
    "{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}"
    "{%- endif %}"
    "{%- endif %}"
)


def build_vae() -> AutoencoderKL:
    """Sixteen latent channels at an eighth of the side, no attention: (B, 3, H, W) ↔ (B, 16, H/8, W/8)."""
    return AutoencoderKL(
        block_out_channels=(16, 32, 64, 96),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=256,
        scaling_factor=1.0,
        shift_factor=0.0,
        use_quant_conv=False,
        use_post_quant_conv=False,
        mid_block_add_attention=False,
        force_upcast=True,
    )


def build_transformer(**changes: Any) -> ZImageTransformer2DModel:
    """The diffusion transformer; latents in patches of 2, captions of `TEXT_WIDTH` features."""
    sizes: dict[str, Any] = {
        "in_channels": LATENT_CHANNELS,
        "dim": 192,
        "n_layers": 8,
        "n_refiner_layers": 1,
        "n_heads": 3,
        "n_kv_heads": 3,
        "cap_feat_dim": TEXT_WIDTH,
        "axes_dims": [16, 24, 24],
        "axes_lens": [1536, 128, 128],
    }
    return ZImageTransformer2DModel(**(sizes | changes))


def build_text_encoder(**changes: Any) -> Qwen3Model:
    """The text encoder; `hidden_states[-2]`, the output of all layers but the last, is the conditioning."""
    sizes: dict[str, Any] = {
        "vocab_size": SMALL_WORLD.vocabulary,
        "hidden_size": TEXT_WIDTH,
        "intermediate_size": 576,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 56,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    return Qwen3Model(Qwen3Config(**(sizes | changes)))


def build_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Z-Image-Turbo's scheduler: flow matching with the sigmas shifted by 3."""
    return FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=False)


@cache
def build_tokenizer(world: World = SMALL_WORLD, captions: int = 6_000) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer learnt from captions; any text encodes, nothing is unknown."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=world.vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rng = Random(0)
    wordings = [
        rng.choice((caption, caption, long_caption))(world.sample(rng, False), rng) for _ in range(captions)
    ]
    core.train_from_iterator(
        [f"user\n{text}\nassistant\n<think>\n\n</think>\n\n" for text in wordings], trainer
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=SPECIAL_TOKENS[0],
        eos_token=SPECIAL_TOKENS[2],
        padding_side="right",
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
