"""Plans for a model whose files were prepared in fewer bits."""

from dataclasses import replace

import pytest

from engine.memory.plan import GIB, PlanRequest
from engine.memory.planner import choose
from engine.memory.probe import Facts
from engine.memory.sizes import Z_IMAGE, Weights

CARD = Facts("cuda", "card", 23 * GIB, 24 * GIB, True, 24 * GIB, 28 * GIB)
ADA = replace(CARD, capability=(8, 9))
SMALL = Facts("cuda", "card", 5 * GIB, 6 * GIB, True, 6 * GIB, 8 * GIB)
APPLE = Facts("mps", "Apple GPU", 40 * GIB, 48 * GIB, True, 40 * GIB, 64 * GIB)


@pytest.mark.parametrize(
    ("facts", "prepared", "form"),
    [
        (CARD, "plain", "plain"),
        (CARD, "int8", "int8"),
        (CARD, "float8", "float8"),
        (CARD, "4bit", "4bit"),
        (SMALL, "int8", "4bit"),
        (APPLE, "int8", "int8"),
        (APPLE, "float8", "plain"),
        (ADA, "float8-fast", "float8-fast"),
        (CARD, "int8-fast", "int8-fast"),
        (CARD, "float8-fast", "plain"),
        (APPLE, "int8-fast", "plain"),
    ],
)
def test_the_form_the_files_were_prepared_in_is_kept_where_it_fits_and_the_device_has_it(
    facts: Facts, prepared: Weights, form: Weights
) -> None:
    assert choose(facts, replace(Z_IMAGE, weights=prepared), PlanRequest()).weights == form


def test_another_form_can_be_insisted_on_and_a_plan_says_that_the_files_chose_it() -> None:
    sizes = replace(Z_IMAGE, weights="int8")
    assert choose(CARD, sizes, PlanRequest(weights="plain")).weights == "plain"
    assert choose(CARD, sizes, PlanRequest()).why.endswith("the model was prepared in int8")
