"""Every parser of bytes from outside: how it is called, what it may refuse them with, and whole samples."""

import io
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFWriter
from PIL import Image
from safetensors.torch import save
from telegram import Update, User

from adapters.discord import buttons
from adapters.proxy import find_proxy
from adapters.telegram.incoming import job_of, parse_messages, place_of, read_button
from bot.requests import commands, flags
from bot.setup import backup, config
from bot.storage import pictures
from bot.storage.database import UnusableDatabaseError
from bot.types import Action, Params, Refused
from engine.cluster import wire
from engine.cluster.broker import Access, BrokerError
from engine.cluster.presence import Presence, Roster
from engine.fake import striped
from engine.files import gguf, shards
from engine.models.zimage import lorafile
from engine.pictures import codec, masks, metadata
from engine.pictures.metadata import Parameters
from engine.types import EngineError, Generate, Picture, Progress
from tests.adapters.telegram.chats import ANN, BOT

ROOT = Path(__file__).parents[2]
PNG = metadata.write(striped("a boat", 24, 16), Parameters("a boat", "night", "ein Boot", 24, 16, 8, 1.8, 7))
AUTOMATIC = (
    "a cat (masterpiece:1.2), <lora:x:0.8>\nNegative prompt: dog\nSteps: 20, Sampler: DPM++ 2M Karras, "
    'CFG scale: 7.5, Seed: 42, Size: 512x768, Model: v1-5, Lora hashes: "x: abc, y: def", Version: v1.7.0'
)
COMFY = {
    "1": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 8, "cfg": 1.0, "positive": ["2", 0]}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["3", 0]}},
}
MESSAGE = {
    "message_id": 5, "date": 1, "from": ANN, "chat": {"id": 7, "type": "private"}, "text": "a boat --ar 16:9",
    "entities": [{"type": "bot_command", "offset": 0, "length": 2}],
    "reply_to_message": {
        "message_id": 4, "date": 1, "from": BOT, "chat": {"id": 7, "type": "private"}, "caption": "a boat",
        "photo": [{"file_id": "F1", "file_unique_id": "u1", "width": 9, "height": 9, "file_size": 9}],
        "reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "upscale:12:0"}]]},
    },
}  # fmt: skip
QUERY = {"id": "1", "from": ANN, "chat_instance": "1", "data": "upscale:12:0:x4", "message": MESSAGE}
ODD_JSON = (TypeError, KeyError, AttributeError, ValueError, RecursionError, OverflowError, OSError)
"""What the library may raise for an update whose fields are of other kinds than Telegram's."""


@dataclass(frozen=True, slots=True)
class Parser:
    """`run` takes any bytes, and raises nothing but `refusals`. `samples` are such as it takes whole."""

    run: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    samples: tuple[bytes, ...]


def parsers(folder: Path) -> dict[str, Parser]:
    """Return them by name; those of files have them in `folder`."""
    from_file, lora = folder / "file", folder / "lora.safetensors"

    def of_file(read: Callable[[Path], object], file: Path = from_file) -> Callable[[bytes], object]:
        def run(data: bytes) -> object:
            file.write_bytes(data)
            return read(file)

        return run

    def restore(file: Path) -> None:
        """Put a backup into a folder that is empty each time."""
        shutil.rmtree(folder / "restored", ignore_errors=True)
        backup.restore(folder / "restored", file)

    tensors = save({"blocks.0.lora_A.weight": torch.zeros(2, 4)}, {"rank": "2"})
    packed = save({"x.lora_A.weight": torch.zeros(1, 2)}, {"lora_adapter_metadata": '{"transformer.r": 2}'})
    words = (
        b"a boat --ar 16:9 --seed 7",
        "老猫 —负面 狗 --steps 八".encode(),
        b"/imagine {a,b} boat --repeat 2",
    )
    words = (
        *words,
        AUTOMATIC.encode(),
        b"/ban discord:user:7 2d spam",
        b"<lora:ink:0.5> --lora 'a b':1,c:-1",
    )
    return {
        "upload": Parser(lambda data: pictures._upright_png(data, 32), (Refused,), images()),
        "size of an upload": Parser(pictures._measure, (Refused,), images()),
        "image for the engine": Parser(codec.read, (EngineError,), images()),
        "mask": Parser(masks.split, (EngineError,), images()),
        "painted mask": Parser(lambda data: masks.painted(PNG, data), (EngineError,), (PNG,)),
        "metadata of a picture": Parser(metadata.read, (), described()),
        "parameters as text": Parser(
            lambda data: metadata.from_text(text(data)), (ValueError,), (AUTOMATIC.encode(),)
        ),
        "update from Telegram": Parser(
            update, (), tuple(json.dumps({"update_id": 1, **each}).encode() for each in UPDATES)
        ),
        "button on Discord": Parser(custom_id, (ValueError,), (b"zi-0a1b2c:upscale:12:0:x4", b"zi:info:1:0")),
        "button": Parser(
            lambda data: Action.unpack(text(data)), (ValueError,), (b"upscale:12:0:x4", b"set:0:0:steps=8")
        ),
        "command": Parser(lambda data: commands.parse(text(data)), (Refused,), words),
        "prompt and flags": Parser(lambda data: flags.parse_all(text(data), Params("")), (Refused,), words),
        "configuration": Parser(
            of_file(lambda file: config.load(file, {})),
            (config.ConfigError,),
            (
                (ROOT / "config.example.toml").read_bytes(),
                b"[[rules]]\nmatch = ['web:local']\nper_day = 1",
                b"model = " + b"[" * 3000,
            ),
        ),
        "credentials": Parser(
            of_file(lambda file: Access.read("tls://x:1", file)),
            (BrokerError,),
            (b"user = 'a'\npassword = 'b'\nca = 'c'\n", b"user = 1\npassword = ''", b"a = " + b"[" * 3000),
        ),
        "proxy": Parser(
            lambda data: find_proxy("https://example.org", "x", text(data)),
            (config.ConfigError,),
            (b"socks5://a:b@[::1]:1080", b"example.org:3128"),
        ),
        "message of the cluster": Parser(
            wire.unpack,
            (ValueError,),
            (
                wire.pack([Generate("a cat", init_image=b"png", loras=(("x", 0.5),))]),
                wire.pack([Progress(1, 8), Picture(PNG, 24, 16, 7, 1.5, {"a": 1})]),
            ),
        ),
        "presence of a worker": Parser(hear, (), (Presence((128, 64), "card", loras=("a",)).pack(),)),
        "GGUF": Parser(of_file(gguf.read), (EngineError,), (small_gguf(folder / "sample.gguf"),)),
        "safetensors": Parser(of_file(header), (EngineError,), (tensors, packed)),
        "LoRA file": Parser(
            of_file(lambda file: lorafile._tensors(file, "x"), lora), (EngineError,), (tensors, packed)
        ),
        "model's JSON": Parser(
            of_file(shards.json_object), (EngineError,), (b'{"weight_map": {"a": "b"}, "metadata": {}}',)
        ),
        "backup": Parser(
            of_file(restore),
            (backup.BackupError, UnusableDatabaseError),
            (archive(folder),),
        ),
    }  # fmt: skip


def text(data: bytes) -> str:
    """Return bytes as a platform's text: any character, never half of one."""
    return data.decode(errors="replace")


def images() -> tuple[bytes, ...]:
    """Return a picture in every form that is taken, small ones."""
    found, plain = [PNG], Image.open(io.BytesIO(PNG))
    for form, mode in (
        ("PNG", "RGBA"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("WEBP", "RGBA"),
        ("GIF", "P"),
        ("BMP", "1"),
    ):
        buffer = io.BytesIO()
        image = plain.convert(mode)
        if mode == "RGBA":
            image.putalpha(Image.new("L", image.size, 9))
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(buffer, form, **({"exif": exif} if form in ("JPEG", "WEBP") else {}))
        found.append(buffer.getvalue())
    return tuple(found)


def described() -> tuple[bytes, ...]:
    """Return pictures that say how they were made, as several programs write it."""
    from PIL.PngImagePlugin import PngInfo

    found = [PNG, *images()]
    for key, value in (("parameters", AUTOMATIC), ("prompt", json.dumps(COMFY)), ("Comment", '{"steps": 8}')):
        info, buffer = PngInfo(), io.BytesIO()
        info.add_text(key, value, zip=key == "Comment")
        Image.new("RGB", (4, 4)).save(buffer, "PNG", pnginfo=info)
        found.append(buffer.getvalue())
    return tuple(found)


UPDATES: tuple[dict[str, Any], ...] = (
    {"message": MESSAGE},
    {"message": {**MESSAGE, "chat": {"id": -7, "type": "supergroup"}, "text": "/imagine@painter_bot a"}},
    {"callback_query": QUERY},
    {"message": {**MESSAGE, "text": "", "sticker": {"file_id": "a", "file_unique_id": "b", "type": "regular",
     "width": 1, "height": 1, "is_animated": True, "is_video": False}}},
)  # fmt: skip


def update(data: bytes) -> None:
    """Read an update as the library does, then as the bot does."""
    try:
        found = Update.de_json(json.loads(data), None)  # type: ignore[arg-type]
    except ODD_JSON:
        return
    me = User(BOT["id"], "painter", True, username="painter_bot")  # type: ignore[arg-type]
    message, query = found.message, found.callback_query
    if query is not None and isinstance(query.data, str):
        read_button(query.data)
    if message is not None and all(isinstance(each, str | None) for each in (message.text, message.caption)):
        try:
            parse_messages([message], me, ())
            place_of(message)
            job_of(message)
        except (TypeError, AttributeError):  # a field of another kind, which the library takes as it is
            return


def custom_id(data: bytes) -> None:
    """Read what a pressed button on Discord carries."""
    if match := buttons.PATTERN.fullmatch(text(data)):
        Action.unpack(match["action"])


def hear(data: bytes) -> None:
    """Hear of a worker."""
    Roster(lambda: 0.0).hear("here.lane.user.life", data)


def header(file: Path) -> object:
    """Read all that is read of a model's file before its weights."""
    return shards.header(file), shards.metadata(file)


def small_gguf(file: Path) -> bytes:
    """Return a GGUF file with a value of most kinds and a tensor."""
    writer = GGUFWriter(file, "lumina2")
    writer.add_uint32("x.count", 2)
    writer.add_array("tokenizer.words", ["a", "b"])
    writer.add_string("general.name", "model")
    writer.add_float32("x.scale", 0.5)
    writer.add_tensor("blk.0.weight", np.zeros((2, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file.read_bytes()


def archive(folder: Path) -> bytes:
    """Return a backup's archive."""
    with closing(sqlite3.connect(folder / "bot.db")) as db:
        db.execute("PRAGMA user_version = 1")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as written:
        written.write(folder / "bot.db", "bot.db")
        written.writestr("pictures/1-0.png", PNG)
    return buffer.getvalue()
