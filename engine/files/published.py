"""Public files of Z-Image-Turbo's parts by the form of their weights: where they are, sizes, checksums.

Sizes and checksums are as several programs that download these files have them; a file without a checksum is
compared with what the hub says. All of them are under the Apache licence 2.0.
"""

from typing import NamedTuple

from engine.files import hub
from engine.files.hub import RemoteFile
from engine.files.single import PartName
from engine.types import EngineError

PRESET = "z-image-turbo"
LICENCE = "Apache 2.0"
_COMFY, _LEEJET, _QWEN = "Comfy-Org/z_image_turbo", "leejet/Z-Image-Turbo-GGUF", "Qwen/Qwen3-4B-GGUF"
_VAE = RemoteFile(
    _COMFY,
    "split_files/vae/ae.safetensors",
    335_304_388,
    "afc8e28272cd15db3919bacdb6918ce9c1ed22e96cb12c4d5ed0fba823529e38",
)
_ENCODER_Q4 = RemoteFile(
    _QWEN,
    "Qwen3-4B-Q4_K_M.gguf",
    2_497_280_256,
    "7485fe6f11af29433bc51cab58009521f205840f5b4ae3a32fa7f92e8534fdf5",
)


class Form(NamedTuple):
    """The files of one form of the weights."""

    transformer: RemoteFile
    text_encoder: RemoteFile = _ENCODER_Q4
    vae: RemoteFile = _VAE

    def part(self, name: PartName) -> RemoteFile:
        """Return the file of a part."""
        found: RemoteFile = getattr(self, name)
        return found

    @property
    def size(self) -> int:
        """All its bytes."""
        return sum(file.size for file in self)

    @property
    def missing(self) -> int:
        """The bytes that aren't on this machine yet."""
        return sum(file.size for file in self if file.here() is None)

    @property
    def is_gguf(self) -> bool:
        """Whether its weights are quantized in blocks."""
        return self.transformer.file.endswith(".gguf")


FORMS: dict[str, Form] = {
    "bf16": Form(
        RemoteFile(
            _COMFY,
            "split_files/diffusion_models/z_image_turbo_bf16.safetensors",
            12_309_866_400,
            "2407613050b809ffdff18a4ac99af83ea6b95443ecebdf80e064a79c825574a6",
        ),
        RemoteFile(
            _COMFY,
            "split_files/text_encoders/qwen_3_4b.safetensors",
            8_044_982_048,
            "6c671498573ac2f7a5501502ccce8d2b08ea6ca2f661c458e708f36b36edfc5a",
        ),
    ),
    "q8_0": Form(
        RemoteFile(
            _LEEJET,
            "z_image_turbo-Q8_0.gguf",
            6_577_440_704,
            "df1c5baa86d1398c979495a6072dbcee79444fdb884a2445582ba0769c44e9a1",
        ),
        RemoteFile(
            _QWEN,
            "Qwen3-4B-Q8_0.gguf",
            4_280_404_704,
            "8c2f07f26af9747e41988551106f149b03eb9b5cb6df636027b6bf6278473300",
        ),
    ),
    "q6_k": Form(
        RemoteFile(
            _LEEJET,
            "z_image_turbo-Q6_K.gguf",
            5_263_239_104,
            "319f627beac8059b7546f36a7b4d5097b7f4ee6a1fc37585d0f75ca1d12d01af",
        ),
        RemoteFile(
            _QWEN,
            "Qwen3-4B-Q6_K.gguf",
            3_306_260_704,
            "8a08533841623c2a689763b9318d8e27b3e052ad5b38015d4be4c04fa96f68a3",
        ),
    ),
    "q4_k_m": Form(
        RemoteFile(
            "jayn7/Z-Image-Turbo-GGUF",
            "z_image_turbo-Q4_K_M.gguf",
            4_981_532_736,
            "745ec270db042409fde084d6b5cfccabf214a7fe5a494edf994a391125656afd",
        )
    ),
    "q4_k": Form(
        RemoteFile(
            _LEEJET,
            "z_image_turbo-Q4_K.gguf",
            3_864_250_304,
            "14b375ab4f226bc5378f68f37e899ef3c2242b8541e61e2bc1aff40976086fbd",
        )
    ),
    "q3_k": Form(
        RemoteFile(
            _LEEJET,
            "z_image_turbo-Q3_K.gguf",
            3_143_559_104,
            "4b44bdaa7814f20d7cf144e3939bd93aa32f50660204dd0c2aea5c5376232980",
        )
    ),
    "q2_k": Form(RemoteFile(_LEEJET, "z_image_turbo-Q2_K.gguf", 2_592_442_304)),
}
"""By name, the best one first; published files keep some tensors in more bits than their names say."""


def form_of(model: str) -> str | None:
    """Return the form that a model's name asks for, as in `z-image-turbo:q4_k`; "" where any will do.

    None is no preset: any other name, and that of a folder which is there. Raises
    `EngineError("bad_input")` for a form that nobody knows.
    """
    name, colon, form = model.casefold().partition(":")
    if name != PRESET or hub.folder(model) is not None:
        return None
    if form not in FORMS and colon:
        raise EngineError("bad_input", f"{PRESET} has no form {form!r}; known are {', '.join(FORMS)}")
    return form


def known(file: RemoteFile) -> RemoteFile:
    """Return a file with the size and checksum that are known of it."""
    return next((each for form in FORMS.values() for each in form if each[:2] == file[:2]), file)
