"""Does a model of the picture book draw its prompts? `python -m lab.evaluate.book`.

Draws held-out scenes, one picture each with a fixed seed, and compares them with renders.
"""

import argparse
from pathlib import Path

from lab.evaluate.__main__ import SEED, contact_sheet, drawn, in_turn, loaded
from lab.judge.adherence import Manner
from lab.judge.likeness import held_out, likeness
from lab.judge.measures import reconstruction
from lab.render.book import drawings
from lab.render.world import BOOK, book_of

SHEET = 48
FOLDER = Path("checkpoints/world")


def main() -> None:
    """Print how well the autoencoder, the judge and the model do; write a sheet where one is asked for."""
    args = _arguments()
    drawings.fetch()
    world = book_of(args.subjects) if args.subjects else BOOK
    scenes = held_out(args.prompts, SEED, world)
    pipeline = loaded(str(args.weights))
    ratio = reconstruction(pipeline.components.vae, [world.picture(scene, 256, 256) for scene in scenes[:24]])
    print(f"autoencoder: {ratio:.1f} dB on held-out scenes")
    manner = Manner(args.side, args.side, args.steps, args.guidance, 1.0)
    prompts, pictures = drawn(pipeline, scenes, manner)
    if args.sheet:
        first = in_turn([scene.place for scene in scenes])[:SHEET]
        contact_sheet([pictures[i] for i in first]).save(args.sheet)
        print(*(prompts[i] for i in first), sep="\n")
    print(
        "pictures",
        "  ".join(f"{name} {share:.1%}" for name, share in likeness(pictures, scenes, world).items()),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.evaluate.book", description=__doc__)
    parser.add_argument("--weights", type=Path, default=FOLDER / "weights", help="the model's folder")
    parser.add_argument("--subjects", type=int, help="the book with so many of its subjects, as in training")
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--side", type=int, default=256, help="pixels")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0, help="on every step; 1 for a distilled model")
    parser.add_argument("--sheet", type=Path, help=f"also write a sheet of {SHEET}, and print its prompts")
    return parser.parse_args()


if __name__ == "__main__":
    main()
