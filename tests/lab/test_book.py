"""Facts about the picture-book world, with simple shapes in place of the free drawings."""

import io
import json
import pickle
import re
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.embedded import WEIGHTS
from engine.prompts import embedded_world
from lab.evaluate import curve
from lab.judge.likeness import held_out, likeness, verdicts
from lab.render.book import drawings, names
from lab.render.book.drawings import PACKAGES, archive, drawing, fetch, recoloured
from lab.render.book.scene import BookScene, sample_book
from lab.render.book.scenes import parts, render_array, silhouettes
from lab.render.book.subjects import SUBJECTS, plural
from lab.render.book.vocabulary import PLACES
from lab.render.captions import COLOUR_WORDS, caption
from lab.render.scene import Thing, is_evaluation
from lab.render.vocabulary import COLOURS
from lab.render.world import BOOK, book_of
from lab.train import train_flow
from lab.train.dataset import sets_of
from lab.train.flow import TAPPED, forward_tokens
from lab.train.latents import encode_all
from lab.train.loop import Plan
from lab.train.model import TEXT_WIDTH, build_text_encoder, build_tokenizer, build_transformer
from lab.train.pointer import (
    MISSING,
    WIDTH,
    Pointer,
    attention_logits,
    attention_loss,
    first_parts,
    holding_loss,
    named,
    pointer_loss,
)
from lab.train.references import (
    FEATURES,
    TOKENS,
    add_references,
    encode,
    evened,
    first_reference,
    of_models,
    references_of,
)
from lab.train.train_flow import fresh_flow, load_flow
from lab.train.train_vae import train_vae

MOODS = {"orange", "pink", "blue", "green"}
"""Colours that captions say of light and places."""
CAT = BookScene("cat", "blue", "desert", "noon", seed=5)
BENEATH = {"relation": "under", "companion": Thing("umbrella", "")}


def write_package(source: str, files: dict[str, bytes]) -> None:
    """A package of these files where `drawings` looks for it."""
    with tarfile.open(archive(source), "w:gz") as file:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))


def _annotated(table: object) -> bytes:
    return json.dumps({"annotations": {"annotations": table}}).encode()


@pytest.fixture(scope="module", autouse=True)
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Packages in which every subject is an ellipse with a dark line, in a colour of its own."""
    folder = tmp_path_factory.mktemp("drawings")
    icons = {}
    for subject in SUBJECTS.values():
        hue = zlib.crc32(subject.name.encode()) % 360
        ellipse = f'<ellipse cx="16" cy="16" rx="14" ry="11" fill="hsl({hue},80%,55%)" stroke="#222" />'
        icons[subject.drawing] = {"body": ellipse}
    packed = json.dumps({"icons": icons, "width": 32, "height": 32}).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawings, "FOLDER", folder)
        for source in "fn":
            write_package(source, {"icons.json": packed})
        yield folder
    for cached in (drawings.drawing, drawings._bounds, drawings._icons):
        cached.cache_clear()


def test_the_book_has_hundreds_of_subjects_and_sixteen_places() -> None:
    """At least 240 subjects stand in sixteen places."""
    assert len(SUBJECTS) >= 240
    assert len(PLACES) == 16


def test_a_scene_of_the_book_always_renders_to_the_same_picture() -> None:
    """A scene renders to the same picture each time, in any shape; another seed gives another."""
    assert np.array_equal(render_array(CAT, 64, 48), render_array(CAT, 64, 48))
    assert render_array(CAT, 64, 48).shape == (48, 64, 3)
    assert not np.array_equal(render_array(CAT, 64, 48), render_array(replace(CAT, seed=6), 64, 48))


@pytest.mark.parametrize("place", PLACES)
def test_every_place_of_the_book_looks_different(place: str) -> None:
    """A place differs clearly from every other one at the same time."""
    seen = render_array(replace(CAT, place=place), 64).astype(float)
    for other in PLACES:
        if other != place:
            assert np.abs(render_array(replace(CAT, place=other), 64) - seen).mean() > 6, other


def test_a_recoloured_drawing_has_the_colour_and_keeps_its_lines() -> None:
    """An orange disc with a black line becomes blue with the same line."""
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[...] = (250, 140, 30, 255)
    picture[4] = (10, 10, 10, 255)
    red, green, blue, alpha = np.asarray(recoloured(Image.fromarray(picture, "RGBA"), "blue"))[0, 0]
    assert blue > 2 * max(red, green)
    assert alpha == 255
    assert (np.asarray(recoloured(Image.fromarray(picture, "RGBA"), "blue"))[4, 4, :3] == 10).all()


def test_a_white_drawing_can_be_recoloured_too() -> None:
    """What is mostly white becomes the colour as well."""
    white = Image.fromarray(np.full((8, 8, 4), 250, np.uint8), "RGBA")
    red, green, blue, _ = np.asarray(recoloured(white, "green"))[0, 0]
    assert green > 1.5 * max(red, blue)


def test_a_drawing_is_cut_to_what_it_shows() -> None:
    """Of a drawing with a wide margin only the shape is left, filling all of its size."""
    alpha = np.asarray(drawing("cat", 0, 40, 30))[..., 3]
    assert alpha[:, 20].all()
    assert alpha[15].all()


def test_silhouettes_of_the_book_lie_where_things_are_drawn() -> None:
    """Two kinds have a silhouette each; three of one kind share the first, two below and one behind."""
    pair = BookScene("cat", "red", "desert", "noon", position="left", companion=Thing("dog", "blue"))
    first, second = silhouettes(pair).astype(float)
    assert first[:, :16].sum() > 10 * first[:, 16:].sum()
    assert second[:, 16:].sum() > 10 * second[:, :16].sum()
    three, none = silhouettes(replace(CAT, count=3), 256)
    upper, lower = three[16] > 128, three[57] > 128
    assert [(np.diff(row.astype(int)) == 1).sum() for row in (upper, lower)] == [1, 2]
    assert not none.any()


def test_a_drawing_stands_in_whole_patches_and_looks_the_same_wherever_it_stands() -> None:
    """Of two footballs in space each patch is like the other's, and the parts are those of the square."""
    scene = BookScene("football", "", "space", "night", count=2)
    picture, covers = render_array(scene, 256), silhouettes(scene, 256)
    shown = parts(scene, 256, 256, covers)
    left, right = (np.argwhere(shown[0][:, half] == 10) for half in (slice(0, 8), slice(8, 16)))
    assert len(left) == 4
    assert np.array_equal(left, right)
    row, column = 16 * left[0]
    first, second = (picture[row : row + 16, start : start + 16] for start in (column, column + 128))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("shape", [(256, 256), (320, 208), (208, 320), (336, 192), (192, 336)])
def test_every_thing_stands_within_the_picture(shape: tuple[int, int]) -> None:
    """In every shape a scene shows most parts of each of its things."""
    rng = Random(8)
    for _ in range(60):
        scene = sample_book(rng)
        shown, _ = parts(scene, *shape, silhouettes(scene, *shape))
        for thing in range(len(scene.things)):
            found = np.unique(shown[(shown >= 16 * thing) & (shown < 16 * thing + 16)])
            assert len(found) >= 5, scene


def test_what_is_over_something_is_drawn_above_it() -> None:
    """Of a cat under an umbrella the umbrella covers the upper cells."""
    below, above = silhouettes(replace(CAT, relation="under", companion=Thing("umbrella", "")))
    assert np.flatnonzero(above.any(1)).mean() < np.flatnonzero(below.any(1)).mean() - 4


def test_the_split_holds_in_the_book() -> None:
    """Training scenes have no held-out combination, evaluation scenes have one."""
    rng = Random(1)
    for side in (False, True):
        assert all(is_evaluation(sample_book(rng, side)) == side for _ in range(300))


def test_a_part_of_the_book_draws_no_other_subjects() -> None:
    """With four subjects, none of which anything can be under, all four come and no other."""
    part, rng = book_of(4), Random(3)
    scenes = [part.sample(rng, False) for _ in range(100)]
    assert {thing.subject for scene in scenes for thing in scene.things} == set(part.subjects)


def test_a_world_that_went_to_another_process_is_still_the_book() -> None:
    """A copy of the book has the same choices."""
    copied = pickle.loads(pickle.dumps(BOOK))
    assert copied.is_book
    assert copied.groups == BOOK.groups


def test_captions_name_a_colour_where_a_subject_has_not_its_own() -> None:
    """Every colour that was given is named, and none where the drawing keeps its own."""
    rng = Random(2)
    for _ in range(300):
        scene = sample_book(rng)
        words = set(re.findall(r"[a-z]+", caption(scene, rng).lower()))
        given = {word for thing in scene.things for word in COLOUR_WORDS.get(thing.colour, (thing.colour,))}
        unspoken = {*COLOURS, "gray", "teal"} - given - MOODS
        assert not words & unspoken
        assert all(words & {*COLOUR_WORDS.get(t.colour, (t.colour,))} for t in scene.things if t.colour)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("bowl of noodles", "bowls of noodles"),
        ("fox", "foxes"),
        ("puppy", "puppies"),
        ("sheep", "sheep"),
        ("old man", "old men"),
    ],
)
def test_several_are_named_in_the_plural(one: str, many: str) -> None:
    """A subject's words in the plural."""
    assert plural(one) == many


def test_the_books_prompts_read_like_sentences() -> None:
    """Counts, relations and things in their own colour are named."""
    assert replace(CAT, count=3).prompt == "three blue cats in the desert at noon"
    under = replace(CAT, colour="", relation="under", companion=Thing("umbrella", "red"))
    assert under.prompt == "a cat under a red umbrella in the desert at noon"
    fries = BookScene("french-fries", "", "kitchen", "dawn")
    assert fries.prompt == "some french fries on a kitchen table at dawn"


def test_every_choice_of_a_scene_is_among_its_groups() -> None:
    """Each choice of a scene lies below the number of its options, and all of them fit the first patch."""
    rng = Random(3)
    assert sum(BOOK.groups) <= 64
    for _ in range(200):
        choices = BOOK.choices(sample_book(rng))
        assert all(0 <= choice < count for choice, count in zip(choices, BOOK.groups, strict=True))


def test_another_package_than_the_expected_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose checksum differs is deleted and reported."""

    def npm(command: list[str], cwd: Path, check: bool) -> None:
        source = next(key for key, (package, _) in PACKAGES.items() if package == command[-1])
        archive(source).write_bytes(b"something else")

    monkeypatch.setattr(drawings, "FOLDER", tmp_path)
    monkeypatch.setattr(subprocess, "run", npm)
    with pytest.raises(ValueError, match="is not the package it was"):
        fetch()
    assert not list(tmp_path.iterdir())


def test_names_come_from_every_language_and_mean_one_thing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of two things and an English word stay in their languages; a colour is what two shapes share."""
    cat, dog, sponge, disc, square, blue = "🐈", "🐕", "🧽", "🔴", "🟥", "🔵"
    tables = {
        "en": {cat: {"tts": ["cat"], "default": ["gift"]}, sponge: {"tts": ["sponge"]}},
        "ca": {cat: {"tts": ["gato"]}}, "pt": {cat: {"tts": ["gato"]}}, "no": {cat: {"tts": ["hat"]}},
        "es": {cat: {"tts": ["gato"]}, disc: {"default": ["rojo", "forma"]}, blue: {"default": ["forma"]},
               square: {"default": ["rojo", "forma"]}},
        "vv": {cat: {"tts": ["both"]}},
        "xx": {cat: {"tts": ["two"]}, dog: {"tts": ["both"]}, sponge: {"tts": ["gato"]}},
        "yy": {cat: {"tts": ["gift"]}, dog: {"tts": ["hund"]}},
    }  # fmt: skip
    monkeypatch.setattr(drawings, "FOLDER", tmp_path)
    monkeypatch.setattr(names, "FEWEST", 0)
    files = {f"annotations/{key}/annotations.json": _annotated(table) for key, table in tables.items()}
    write_package("cldr", files)
    lists = {f"english-words-{share}.json": b'["hat"]' for share in names.ENGLISH_WORDS}
    write_package("words", lists)
    for source in "fn":
        write_package(source, {"chars.json": json.dumps({"1f408": "cat", "1f415": "dog"}).encode()})
    found = names.collected(embedded_world())
    assert found["cat"] == {cat, "gato", "two", "vv:both", "yy:gift", "nb,nn,no:hat"}
    assert found["dog"] == {dog, "hund", "xx:both"}
    assert found["sponge"] == {"xx:gato"}
    assert {"rojo", "rote"} <= found["red"]
    assert "forma" not in found["red"]


def test_renders_are_what_was_asked_for() -> None:
    """Every question about held-out renders, in any sky and set of the place, is answered rightly."""
    world = book_of(24)
    scenes = held_out(12, 3, world)
    found = likeness([world.picture(scene, 96, 96) for scene in scenes], scenes, world)
    assert set(found.values()) == {1.0}
    assert {"subject", "colour", "place", "time", "relation"} <= found.keys()


@pytest.mark.parametrize(
    ("question", "asked", "drawn"),
    [
        ("subject", {"colour": ""}, {"colour": "", "subject": "dog"}),
        ("colour", {}, {"colour": "red"}),
        ("place", {}, {"place": "meadow"}),
        ("time", {}, {"time": "night"}),
        ("weather", {"weather": "rain"}, {"weather": "fog"}),
        ("style", {"style": "ink"}, {}),
        ("position", {"position": "left"}, {"position": "right"}),
        ("distance", {"distance": "far"}, {}),
        ("count", {"count": 2}, {"count": 3}),
        ("relation", BENEATH, BENEATH | {"relation": "front"}),
        ("second subject", BENEATH, BENEATH | {"companion": Thing("kite", "")}),
    ],
)
def test_a_picture_of_something_else_is_not_what_was_asked_for(
    question: str, asked: dict[str, Any], drawn: dict[str, Any]
) -> None:
    """A render with another answer to a question is wrong there."""
    wanted = replace(CAT, **asked)
    assert verdicts(render_array(wanted, 96), wanted, BOOK)[question]
    assert not verdicts(render_array(replace(CAT, **drawn), 96), wanted, BOOK)[question]


def test_a_word_of_a_subject_becomes_its_references() -> None:
    """In the singular, the plural and any case a subject's words are its references; words beside stay."""
    world = book_of(12)
    tokenizer = build_tokenizer(world, captions=200)
    add_references(tokenizer, world)
    first = first_reference(tokenizer)
    for index, name in enumerate(world.subjects):
        start = first + index * TOKENS
        for word in (SUBJECTS[name].words[-1], plural(SUBJECTS[name].words[0]).title()):
            ids = tokenizer(f"Two {word} at sea").input_ids
            assert [each for each in ids if each >= first] == list(range(start, start + TOKENS)), word
            assert [each for each in ids if each < first] == tokenizer("Two at sea").input_ids, word


def test_a_caption_refers_to_the_model_that_its_scene_shows() -> None:
    """Of a subject whose second model is drawn the second model's references are told."""
    world = book_of(12)
    scene = next(each for each in sets_of(world)[0].scenes(400) if each.models == (1, 0) and each.companion)
    starts = [world.subjects.index(thing.subject) * TOKENS for thing in scene.things]
    ids = torch.tensor([5 + place for start in starts for place in range(start, start + TOKENS)])
    told = of_models(ids, scene, world, first=5)
    assert torch.equal(told, torch.cat([ids[:TOKENS] + 12 * TOKENS, ids[TOKENS:]]))


def test_a_patch_must_name_the_reference_that_it_shows() -> None:
    """A part of the second thing is found where its reference stands; one of a thing left unsaid is not."""
    world = book_of(12)
    cat, owl = Thing(world.subjects[2], ""), Thing(world.subjects[7], "")
    scene = BookScene(cat.subject, "", "desert", "noon", seed=9, companion=owl)
    first = first_parts([scene], world)
    assert first.tolist() == [
        [(model * 12 + index) * TOKENS for model, index in zip(scene.models, (2, 7), strict=True)]
    ]
    ids = torch.tensor([[4, 5, *(100 + first[0, 1] + torch.arange(TOKENS)).tolist(), 6]])
    shown = torch.tensor([[-1, TOKENS + 3, 3]], dtype=torch.int8)
    assert named(shown, first, ids, 100).tolist() == [[0, 1 + 2 + 3, MISSING]]


def test_naming_the_right_reference_and_place_costs_least() -> None:
    """The pointer's loss is small where each patch is like its own token, and great where like another's."""
    pointer = Pointer(WIDTH)
    for each in (pointer.asks, pointer.offers, pointer.within):
        each.weight.data.copy_(20 * torch.eye(WIDTH)[: len(each.weight)])
        each.bias.data.zero_()
    caption = torch.eye(WIDTH)[None, :4]
    target, within = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[0, 1, 2, -1]])
    assert pointer_loss(pointer, caption, caption, target, within) < 0.01
    assert pointer_loss(pointer, caption, caption, target.roll(1), within) > 10
    assert pointer_loss(pointer, caption, caption, target, within + 1) > 10


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_attention_that_is_taught_is_that_of_the_block(share: float) -> None:
    """Values weighed by its softmax are what the stock attention makes of them, and its loss is theirs."""
    model = build_transformer(n_layers=TAPPED + 1).eval()
    features, valid = torch.randn(2, 32, TEXT_WIDTH), torch.ones(2, 32, dtype=torch.bool)
    kept = None if share == 1 else torch.arange(64).expand(2, 64)
    _, taps = forward_tokens(model, torch.randn(2, 16, 32, 32), torch.rand(2), features, valid, kept)
    block, (tokens, rope, signal, length) = model.layers[TAPPED], taps.entering
    assert length == 32
    weights = attention_logits(block, taps.entering, tokens.shape[1]).softmax(-1)
    inner = block.attention_norm1(tokens) * (1 + block.adaLN_modulation(signal)[:, None].chunk(4, 2)[0])
    values = block.attention.to_v(inner).unflatten(2, (3, -1))
    ours = block.attention.to_out[0](torch.einsum("bhqk,bkhd->bqhd", weights, values).flatten(2))
    assert torch.allclose(ours, block.attention(inner, freqs_cis=rope), atol=1e-4)
    target = torch.tensor([[0, 5]])
    wanted = -weights[:1, :, 1, -32 + 4].log().mean()
    entering = taps.entering._replace(tokens=tokens[:1], rope=rope[:1], signal=signal[:1])
    assert torch.allclose(attention_loss(block, entering, target), wanted, atol=1e-4)


def test_a_caption_must_hold_its_references() -> None:
    """The loss is 0 for tokens whose features are the references', whatever other tokens hold."""
    pointer, features = Pointer(FEATURES), torch.randn(3, FEATURES)
    pointer.holds.weight.data.copy_(torch.eye(FEATURES))
    pointer.holds.bias.data.zero_()
    numbers = torch.tensor([[-5, 2, 0]])
    caption = torch.stack([features[1], features[2], features[0]])[None]
    assert holding_loss(pointer, caption, numbers, features) < 1e-6
    assert holding_loss(pointer, caption.flip(1), numbers, features) > 0.5
    assert holding_loss(pointer, caption, numbers - 9, features) == 0


def test_fine_features_are_almost_as_large_as_coarse_ones() -> None:
    """Of two directions, one of them sixteen times as large, that one becomes four times as large."""
    given = torch.randn(500, 2) * torch.tensor([16.0, 1.0]) + 7
    found = evened(given)
    assert found.mean().abs() < 1e-5
    assert found.square().mean().item() == pytest.approx(1, abs=1e-4)
    large, small = found.std(0)
    assert 3 < large / small < 5
    assert torch.corrcoef(torch.stack([found[:, 0], given[:, 0]]))[0, 1] > 0.99


def test_a_drawing_gets_through_the_text_encoder(tmp_path: Path) -> None:
    """The encoder's layers add no more to a reference than it was; all directions enter the transformer."""
    plan = Plan(tmp_path, 0.001, scenes=4, sets=sets_of(book_of(12))[:1])
    train_vae(plan)
    encode_all(plan)
    models = load_flow(replace(plan, warm=WEIGHTS))
    references = references_of(models)
    assert references is not None
    ids = references.first + torch.arange(TOKENS)[None]
    given = references(ids, models["text_encoder"].get_submodule("embed_tokens"))
    assert (encode(models, ids) - given).norm() < given.norm()
    sizes = torch.linalg.svdvals(models["transformer"].get_parameter("cap_embedder.1.weight"))
    assert sizes.max() < 1.001 * sizes.min()


def test_what_is_exported_reads_captions_as_what_was_trained(tmp_path: Path) -> None:
    """The references as plain embeddings give the same caption features."""
    plan = Plan(tmp_path, 0.001, scenes=4, sets=sets_of(book_of(12))[:1])
    train_vae(plan)
    encode_all(plan)
    models = load_flow(plan)
    references = references_of(models)
    assert references is not None
    assert references.features.std() > 0.3
    ids = torch.tensor([[3, references.first, references.first + 17, 7]])
    trained = encode(models, ids)
    references.write(models["text_encoder"])
    models.pop("references")
    assert torch.allclose(encode(models, ids), trained, atol=1e-5)
    fresh = fresh_flow(plan)
    again = references_of(fresh)
    assert again is not None
    assert again.read(models["text_encoder"].state_dict())
    everything = torch.arange(references.first, references.first + 12 * TOKENS)
    words = torch.nn.Embedding(references.first, references.places.shape[1])
    assert torch.allclose(again(everything, words), references(everything, words), atol=1e-4)


def test_the_flow_learns_from_the_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of the flow on scenes of the book."""
    monkeypatch.setattr(train_flow, "build_transformer", partial(build_transformer, n_layers=TAPPED + 1))
    monkeypatch.setattr(train_flow, "build_text_encoder", partial(build_text_encoder, num_hidden_layers=2))
    world = book_of(12)
    small = sets_of(world)[:1]
    plan = Plan(tmp_path, minutes=5, scenes=6, max_steps=1, sets=small)
    train_vae(plan)
    encode_all(plan)
    for part in small:
        part.silhouettes(plan.scenes, plan.out)
    train_flow.train_flow(plan, batch=2)
    assert torch.load(tmp_path / "flow.pt", weights_only=True)["step"] == 1


def test_the_learning_curve_has_a_row_for_each_number_of_subjects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Flow, export and pictures of two worlds, one step of training each."""
    monkeypatch.setattr(train_flow, "build_transformer", partial(build_transformer, n_layers=TAPPED + 1))
    monkeypatch.setattr(train_flow, "build_text_encoder", partial(build_text_encoder, num_hidden_layers=2))
    monkeypatch.setattr(curve, "MANNER", replace(curve.MANNER, steps=1, cfg=1.0))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    few = [
        "--minutes",
        "0.0001",
        "--prompts",
        "2",
        "--scenes",
        "6",
        "--device",
        "cpu",
    ]
    monkeypatch.setattr(sys, "argv", ["curve", "--subjects", "2", "3", *few, "--out", str(tmp_path)])
    curve.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if "subjects" in line]
    assert [row.split()[0] for row in rows] == ["2", "3"]
    assert all(re.search(r"subject \d+\.\d%  colour", row) for row in rows)
    assert (tmp_path / "3" / "sheet.png").exists()
