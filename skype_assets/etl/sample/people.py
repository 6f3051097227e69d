"""Invented people, groups and bots of the sample export; nobody here exists.

Ids have the three forms of section 2.5: old-style name, Microsoft account, and the opaque ``live:.cid.`` with 16 hex
digits. Names come in the scripts that a real address book mixes.
"""

from random import Random
from typing import Final, NamedTuple


class Person(NamedTuple):
    """A Skype user, a bot or a phone number: id and the name others see."""

    mri: str
    name: str

    @property
    def bare(self) -> str:
        """The id as quotes and edit marks write it: without ``8:``."""
        return self.mri.removeprefix("8:")


MARA: Final = Person("8:live:mara.ostrow", "Mara Ostrow")
THEO: Final = Person("8:tbrannock", "Theo Brannock")
INES: Final = Person("8:live:ines.k", "Ines Karvonen")
TEO: Final = Person("8:live:.cid.3fa91c07be52d684", "Teo Lindqvist")
RUTA: Final = Person("8:live:.cid.71c0de44ab19f023", "Рута Беляк")
ELPIDA: Final = Person("8:elpida.vr", "Ελπίδα Βρανά")
AOI: Final = Person("8:live:.cid.0be5a2f7719cc3d8", "雨宮 葵衣")
SALIM: Final = Person("8:live:salim.naw", "سليم النوار")
GUEST: Final = Person("8:guest:6d0c2f18-5be1-4a35-9f4e-1d2b7c90aa31", "Otto (Guest)")
PLUMBER: Final = Person("4:+15550107733", "Plumber")
CONCIERGE: Final = Person("28:concierge", "Skype")
OTTERBOT: Final = Person("28:4e1d80f2-93c5-4b6a-8d27-0f9b6c5a1e34", "Otter Cards")

PLANTED: Final = (MARA, THEO, INES, TEO, RUTA, ELPIDA, AOI, SALIM)
"""People who play in the odd conversations; `acquaintances` never returns their ids."""

TOPICS: Final = (
    "Harbour walk &amp; tea",
    "Budget round",
    "Book circle Ødegard",
    "Сад и грядки",
    "Rowing crew",
    "Καλοκαίρι",
    "週末の計画",
    "Flat 4B",
    "Choir: altos &lt;3",
    "رحلة الربيع",
    "Release train",
    "Parents of class 3c",
)

_LATIN: Final = (
    (
        *("Linnea", "Jorun", "Pavle", "Ottilie", "Eskil", "Sanna", "Casimir", "Wanja", "Idris", "Noor"),
        *("Milo", "Tamsin", "Bruna", "Aurelio", "Yelena", "Hedda", "Zofia", "Quentin", "Marisol", "Anselm"),
    ),
    (
        *("Tarnholt", "Veskari", "Okonjemi", "Dravitz", "Ashgrove", "Pellwin", "Sorvane", "Ødegardt", "Mirkovan"),
        *("Halvestad", "Quillmere", "Brandeth", "Castellow", "Núñares", "Fjordane", "Wexcombe", "Zielnicka"),
    ),
)
_OTHER_SCRIPTS: Final = (
    (("Дарина", "Олекса", "Милан", "Вера"), ("Гречук", "Сторожан", "Лесняк", "Ворон")),
    (("Θάλεια", "Νικηφόρος", "Ιφιγένεια"), ("Καλλιβρής", "Μαρανός", "Δροσίνη")),
    (("月島", "青柳原", "林沢"), ("小夜", "陽太郎", "結奈")),
    (("ليان", "طارق", "ريم"), ("الحداري", "المرجان", "الزهراوي")),
)


def acquaintances(count: int, rng: Random) -> list[Person]:
    """Return `count` distinct people, about one in six with a name that is not in Latin script."""
    people: list[Person] = []
    for number in range(count):
        latin = rng.random() < 0.83
        first_names, last_names = _LATIN if latin else rng.choice(_OTHER_SCRIPTS)
        first, last = rng.choice(first_names), rng.choice(last_names)
        people.append(Person(_mri(number, f"{first}.{last}".lower() if latin else "", rng), f"{first} {last}"))
    return people


def phone(number: int) -> Person:
    """Return a phone contact; the numbers lie in the range that is kept free for fiction."""
    return Person(f"4:+1555010{number % 10_000:04d}", f"+1 555 010 {number % 10_000:04d}")


def _mri(number: int, name: str, rng: Random) -> str:
    """Return an id that `number` makes unique."""
    form = rng.random()
    if name.isascii() and name and form < 0.3:
        return f"8:{name.replace('.', '')}{number}"
    if name.isascii() and name and form < 0.65:
        return f"8:live:{name}.{number}"
    return f"8:live:.cid.{rng.getrandbits(40):010x}{number:06x}"
