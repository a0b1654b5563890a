"""
Vietnamese text from before Unicode, made readable again.

Tags of old archives are in TCVN3 (``Hµ Néi``) or VNI (``Haø Noäi``), or are UTF-8 that somebody
read as Latin-1 (``HÃ  Ná»™i``). Nothing in a tag says which. So every reading is tried, and the one
with the most words that can be Vietnamese syllables is taken; the text stays as it is when no
reading is better.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

# One byte each; capitals with a tone were drawn by a capital font on the same bytes.
_TCVN3 = str.maketrans(
    "µ¶·¸¹¨»¼½¾Æ©ÇÈÉÊË®ÌÎÏÐÑªÒÓÔÕÖ×ØÜÝÞßáâãä«åæçèé¬êëìíîïñòóô\xadõö÷øùúûüýþ¡¢£¤¥¦§",
    "àảãáạăằẳẵắặâầẩẫấậđèẻẽéẹêềểễếệìỉĩíịòỏõóọôồổỗốộơờởỡớợùủũúụưừửữứựỳỷỹýỵĂÂÊÔƠƯĐ",
)

_GRAVE, _ACUTE, _HOOK, _TILDE, _DOT = "\u0300", "\u0301", "\u0309", "\u0303", "\u0323"
_CIRCUMFLEX, _BREVE, _HORN = "\u0302", "\u0306", "\u031b"
# VNI writes a letter and then its mark as a second letter.
_VNI_MARKS = {"ø": _GRAVE, "ù": _ACUTE, "û": _HOOK, "õ": _TILDE, "ï": _DOT}
_VNI_MARKS |= {"â": _CIRCUMFLEX, "à": _CIRCUMFLEX + _GRAVE, "á": _CIRCUMFLEX + _ACUTE}
_VNI_MARKS |= {"å": _CIRCUMFLEX + _HOOK, "ã": _CIRCUMFLEX + _TILDE, "ä": _CIRCUMFLEX + _DOT}
_VNI_MARKS |= {"ê": _BREVE, "è": _BREVE + _GRAVE, "é": _BREVE + _ACUTE}
_VNI_MARKS |= {"ú": _BREVE + _HOOK, "ü": _BREVE + _TILDE, "ë": _BREVE + _DOT}
_VNI_LETTERS = {"ô": "ơ", "ö": "ư", "ñ": "đ", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "î": "ỵ"}
_VNI = re.compile(rf"([aeouyôöAEOUYÔÖ])([{''.join(_VNI_MARKS)}])|([{''.join(_VNI_LETTERS)}])", re.I)

_WORD = re.compile(r"[^\W\d_]+|[^\w\s!-~]+")
_TONES = re.compile(f"[{_GRAVE}{_ACUTE}{_HOOK}{_TILDE}{_DOT}]")
_RIMES = """
a ac ach ai am an ang anh ao ap at au ay ă ăc ăm ăn ăng ăp ăt â âc âm ân âng âp ât âu ây e ec em
en eng eo ep et ê êch êm ên ênh êp êt êu i ia ich iêc iêm iên iêng iêp iêt iêu im in inh ip it
iu o oa oac oach oai oam oan oang oanh oao oap oat oay oăc oăm oăn oăng oăt oc oe oen oeo oet oi
om on ong ooc oong op ot ô ôc ôi ôm ôn ông ôp ôt ơ ơi ơm ơn ơp ơt u ua uân uâng uât uây uc uê
uêch uênh ui um un ung uôc uôi uôm uôn uông uôt uơ up ut uy uya uych uyên uyêt uynh uyt uyu ư ưa
ưc ưi ưng ươc ươi ươm ươn ương ươp ươt ươu ưt ưu y yêm yên yêng yêt yêu
"""
_INITIALS = "b|c|ch|d|đ|g|gh|gi|h|k|kh|l|m|n|ng|ngh|nh|p|ph|qu|r|s|t|th|tr|v|x"
_LONGEST_FIRST = "|".join(sorted(_RIMES.split(), key=len, reverse=True))
_SYLLABLE = re.compile(f"(?:{_INITIALS})?(?:{_LONGEST_FIRST})|gi")


def repair(text: str) -> str:
    """The most Vietnamese reading of a text, in composed form; what is fine stays as it is."""
    readings = [unicodedata.normalize("NFC", reading) for reading in _readings(text)]
    return max(readings, key=likeness)  # the first of equals: the text itself


def likeness(text: str) -> float:
    """How many of the words can be Vietnamese syllables, from 0 to 1."""
    words = _WORD.findall(unicodedata.normalize("NFC", text))
    return sum(map(is_syllable, words)) / len(words) if words else 0.0


def is_syllable(word: str) -> bool:
    """Whether a word is spelt like Vietnamese: one tone at most, an initial and a rime."""
    bare, tones = _TONES.subn("", unicodedata.normalize("NFD", word.lower()))
    return tones <= 1 and _SYLLABLE.fullmatch(unicodedata.normalize("NFC", bare)) is not None


def _readings(text: str) -> Iterator[str]:
    yield text
    readers: tuple[Callable[[str], str], ...] = (_mojibake, _tcvn3, _vni)
    for read in readers:
        try:
            yield read(text)
        except UnicodeError:
            continue


def _mojibake(text: str) -> str:
    """UTF-8 bytes that were read as Windows-1252, whose five empty places came out as Latin-1."""
    data = b"".join(
        char.encode("latin-1") if ord(char) < 0x100 else char.encode("cp1252") for char in text
    )
    return data.decode("utf-8")


def _tcvn3(text: str) -> str:
    return _WORD.sub(_capitals, text.translate(_TCVN3))


def _capitals(word: re.Match[str]) -> str:
    """In a word of capitals the letters with a tone were capitals too."""
    plain = [letter for letter in word[0] if letter.isascii()]
    all_capital = len(plain) > 1 and all(letter.isupper() for letter in plain)
    return word[0].upper() if all_capital else word[0]


def _vni(text: str) -> str:
    """Capitals follow the letter, not the mark: ``HAØ`` and ``Haø`` are both written."""
    return _VNI.sub(_compose, text)


def _compose(found: re.Match[str]) -> str:
    """In one pass: ``oâ`` is ô and must not be read again, as the ô that stands for ơ."""
    letter, mark, alone = found.groups()
    if alone:
        return _cased(_VNI_LETTERS[alone.lower()], alone)
    base = _cased(_VNI_LETTERS.get(letter.lower(), letter), letter)
    return unicodedata.normalize("NFC", base + _VNI_MARKS[mark.lower()])


def _cased(letter: str, like: str) -> str:
    return letter.upper() if like.isupper() else letter.lower()
