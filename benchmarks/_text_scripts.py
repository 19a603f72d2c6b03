"""Texts in other scripts: what an excerpt must have in characters where a letter takes two or three bytes.

The first five articles of the Universal Declaration of Human Rights in its official translations: common content, and
short; it shows how many characters are needed, not how often strangers meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks._texts import recognised
from registry.core.decisions import Grade
from registry.core.fingerprints import fingerprint_text
from registry.core.fingerprints.text_normal import normalise
from registry.core.matching import Matcher

LENGTHS = (15, 21, 30, 45, 60, 90)
"""Letters of an excerpt."""


@dataclass(frozen=True)
class Script:
    """One script: what was found of excerpts of so many letters."""

    name: str
    bytes_a_letter: float
    found: Mapping[int, Mapping[str, float]]
    """By length: shares that were met at all, that were found, and found with one letter in twenty wrong."""


RUSSIAN = (
    "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и "
    "должны поступать в отношении друг друга в духе братства. Каждый человек должен обладать всеми правами и "
    "всеми свободами, провозглашенными настоящей Декларацией, без какого бы то ни было различия, как-то в "
    "отношении расы, цвета кожи, пола, языка, религии, политических или иных убеждений, национального или "
    "социального происхождения, имущественного, сословного или иного положения. Кроме того, не должно "
    "проводиться никакого различия на основе политического, правового или международного статуса страны или "
    "территории, к которой человек принадлежит, независимо от того, является ли эта территория независимой, "
    "подопечной, несамоуправляющейся или как-либо иначе ограниченной в своем суверенитете. Каждый человек "
    "имеет право на жизнь, на свободу и на личную неприкосновенность. Никто не должен содержаться в рабстве "
    "или в подневольном состоянии; рабство и работорговля запрещаются во всех их видах. Никто не должен "
    "подвергаться пыткам или жестоким, бесчеловечным или унижающим его достоинство обращению и наказанию."
)
ARABIC = (
    "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق. وقد وهبوا عقلاً وضميراً وعليهم أن يعامل بعضهم بعضاً "
    "بروح الإخاء. لكل إنسان حق التمتع بكافة الحقوق والحريات الواردة في هذا الإعلان، دون أي تمييز، كالتمييز "
    "بسبب العنصر أو اللون أو الجنس أو اللغة أو الدين أو الرأي السياسي أو أي رأي آخر، أو الأصل الوطني أو "
    "الاجتماعي أو الثروة أو الميلاد أو أي وضع آخر، دون أية تفرقة بين الرجال والنساء. وفضلاً عما تقدم فلن يكون "
    "هناك أي تمييز أساسه الوضع السياسي أو القانوني أو الدولي لبلد أو البقعة التي ينتمي إليها الفرد سواء كان "
    "هذا البلد أو تلك البقعة مستقلاً أو تحت الوصاية أو غير متمتع بالحكم الذاتي أو كانت سيادته خاضعة لأي قيد "
    "من القيود. لكل فرد الحق في الحياة والحرية وسلامة شخصه. لا يجوز استرقاق أو استعباد أي شخص، ويحظر "
    "الاسترقاق وتجارة الرقيق بكافة أوضاعهما. لا يعرض أي إنسان للتعذيب ولا للعقوبات أو المعاملات القاسية أو "
    "الوحشية أو الحاطة بالكرامة."
)
CHINESE = (
    "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。人人有资格享受本宣"
    "言所载的一切权利和自由，不分种族、肤色、性别、语言、宗教、政治或其他见解、国籍或社会出身、财产、出生或其"
    "他身分等任何区别。并且不得因一人所属的国家或领土的政治的、行政的或者国际的地位之不同而有所区别，无论该领"
    "土是独立领土、托管领土、非自治领土或者处于其他任何主权受限制的情况之下。人人有权享有生命、自由和人身安全"
    "。任何人不得使为奴隶或奴役；一切形式的奴隶制度和奴隶买卖，均应予以禁止。任何人不得加以酷刑，或施以残忍的"
    "、不人道的或侮辱性的待遇或刑罚。"
)
JAPANESE = (
    "すべての人間は、生れながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを"
    "授けられており、互いに同胞の精神をもって行動しなければならない。すべて人は、人種、皮膚の色、性、言語、宗"
    "教、政治上その他の意見、国民的若しくは社会的出身、財産、門地その他の地位又はこれに類するいかなる事由によ"
    "る差別をも受けることなく、この宣言に掲げるすべての権利と自由とを享有することができる。さらに、個人の属す"
    "る国又は地域が独立国であると、信託統治地域であると、非自治地域であると、又は他のなんらかの主権制限の下に"
    "あるとを問わず、その国又は地域の政治上、管轄上又は国際上の地位に基づくいかなる差別もしてはならない。すべ"
    "て人は、生命、自由及び身体の安全に対する権利を有する。何人も、奴隷にされ、又は苦役に服することはない。奴"
    "隷制度及び奴隷売買は、いかなる形においても禁止する。何人も、拷問又は残虐な、非人道的な若しくは屈辱的な取"
    "扱若しくは刑罰を受けることはない。"
)
TEXTS: Mapping[str, str] = {"Cyrillic": RUSSIAN, "Arabic": ARABIC, "Chinese": CHINESE, "Japanese": JAPANESE}


def measure(matcher_of: Callable[[Sequence[str]], Matcher]) -> list[Script]:
    """Every third excerpt of each length, between the same letters in another order."""
    matcher = matcher_of(list(TEXTS.values()))
    found = []
    for row, (name, text) in enumerate(TEXTS.items()):
        letters = normalise(text).decode()
        by_length = {length: _share(matcher, row, letters, length) for length in LENGTHS}
        found.append(Script(name, len(letters.encode()) / len(letters), by_length))
    return found


def _share(matcher: Matcher, row: int, letters: str, length: int) -> Mapping[str, float]:
    starts = range(0, len(letters) - length + 1, 3)
    chance = np.random.default_rng(length)
    host = "".join(chance.permutation(list(letters)))
    noise = recognised(0.05)
    plain = [letters[s : s + length] for s in starts]
    noisy = [noise(excerpt, (), chance) for excerpt in plain]
    at_all = [_grade(matcher, row, host + excerpt + host) for excerpt in plain]
    despite = [_grade(matcher, row, host + excerpt + host) for excerpt in noisy]
    return {
        "at all": sum(g is not None for g in at_all) / len(at_all),
        "found": sum(g is not None and g >= Grade.MATCH for g in at_all) / len(at_all),
        "found, 5 % wrong": sum(g is not None and g >= Grade.MATCH for g in despite) / len(despite),
    }


def _grade(matcher: Matcher, row: int, page: str) -> Grade | None:
    (matches,) = matcher.match([fingerprint_text(page).fingerprints])
    return max((m.grade for m in matches if m.work_row == row), default=None)
