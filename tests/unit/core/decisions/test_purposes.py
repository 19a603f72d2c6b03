"""Which use contains which (house conventions: tdm > train_ai > train_genai; the others alone; all is all eight)."""

import pytest

from registry.core.decisions import Purpose, inside
from registry.core.errors import InvalidInput

ALONE = ["ai_input", "ai_index", "search", "voice_clone", "style_imitation", "train_genai"]


def test_the_ladder() -> None:
    assert inside(Purpose.TDM) == {Purpose.TDM, Purpose.TRAIN_AI, Purpose.TRAIN_GENAI}
    assert inside(Purpose.TRAIN_AI) == {Purpose.TRAIN_AI, Purpose.TRAIN_GENAI}


@pytest.mark.parametrize("name", ALONE)
def test_these_contain_only_themselves(name: str) -> None:
    assert inside(Purpose(name)) == {Purpose(name)}


def test_all_is_a_name_for_the_eight() -> None:
    assert len(inside(Purpose.ALL)) == 8
    assert Purpose.ALL not in inside(Purpose.ALL)


def test_what_is_inside_brings_what_is_inside_it() -> None:
    for purpose in Purpose:
        assert all(inside(part) <= inside(purpose) for part in inside(purpose))


def test_parse() -> None:
    assert Purpose.parse("train_genai") is Purpose.TRAIN_GENAI


@pytest.mark.parametrize("name", ["", "TDM", "train-ai", "everything", "x" * 10_000])
def test_an_unknown_purpose_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidInput, match="choose one of tdm") as caught:
        Purpose.parse(name)
    assert len(caught.value.message) < 250
