"""Invented texts: short phrases in several scripts, with the length distribution of section 7.2.

Phrases are markup, entities included, because most of them become ``RichText``. They are made once: a message joins an
opening and an ending, so that a million messages do not repeat a few thousand texts (that would flatter compression).
"""

import functools
from random import Random
from statistics import NormalDist
from typing import Final, NamedTuple

POOL: Final = 2048
_SIGMA, _LONGEST = 1.1, 8000

_SENTENCES: Final = (
    "the ferry leaves at {n}",
    "can you send me the notes from room {n}?",
    "I&apos;ll be late, start without me",
    "who has the key to shed {n}?",
    "ok",
    "yes, works for me",
    "no idea, ask the others",
    "the rowing boat needs paint &amp; a new oar",
    "we are {n} people, not more",
    "tea at the quay?",
    "that was fun",
    "I put it on the shelf next to box {n}",
    "haha",
    "it&apos;s raining again",
    "did you see the otters this morning?",
    "moving the meeting to {n}:30",
    "thanks a lot!",
    "the printer ate page {n}",
    "on my way",
    "call you in {n} minutes",
    "love it &lt;3",
    "price is &gt; {n} now",
    "let&apos;s do Thursday instead",
    "the bakery on Lindengatan is closed",
    "ça marche, à demain",
    "das passt mir gut, bis {n} Uhr",
    "buď tam v {n}",
    "встречаемся у причала в {n}",
    "хорошо, спасибо!",
    "ναι, τα λέμε στις {n}",
    "καλημέρα",
    "{n}時に駅で会いましょう",
    "了解です",
    "نلتقي عند الميناء الساعة {n}",
    "شكرا جزيلا",
    "good morning ☀️",
    "🎉🎉 well done",
    "packing for {n} days 🧳",
)
_ENDINGS: Final = (
    *("", "", "", "", "!", "?", " :)", " 😀", " ok?", "…"),
    *(" – see you at {n}", " ({n})", " no. {n}", " at {n}:15", " – {n} or so", " row {n}"),
)
_CODE: Final = (
    "if (a<b && c>d) {{ total += {n}; }}",
    "select * from berths where length < {n};",
    "for i in range({n}):\n    print(i & 1)",
    "x = {n} # <- not a tag",
    "curl 'https://example.org/?a={n}&b=2'",
)


class Phrases(NamedTuple):
    """Pools of `POOL` markup texts each; `code` is literal, for messages of type ``Text``."""

    openings: tuple[str, ...]
    endings: tuple[str, ...]
    code: tuple[str, ...]


@functools.cache
def phrases(median: int) -> Phrases:
    """Return the pools, the openings of a median length; always the same ones, whatever the seed of a sample."""
    rng = Random(42)
    lengths = NormalDist(0, _SIGMA)
    openings = [
        _phrase(rng, min(_LONGEST, int(median * 2.718281828 ** lengths.inv_cdf((i + 0.5) / POOL)))) for i in range(POOL)
    ]
    openings[-2:] = [_phrase(rng, 4200), _phrase(rng, 5600)]
    return Phrases(
        tuple(openings),
        tuple(rng.choice(_ENDINGS).format(n=rng.randint(1, 999)) for _ in range(POOL)),
        tuple(rng.choice(_CODE).format(n=rng.randint(1, 9999)) for _ in range(POOL)),
    )


def _phrase(rng: Random, length: int) -> str:
    """Return sentences of about `length` characters in all."""
    sentences = [_sentence(rng)]
    while (missing := length - sum(map(len, sentences))) > 12:
        sentences.append(_sentence(rng))
        if missing > 400 and rng.random() < 0.2:
            sentences.append("\n")
    return " ".join(sentences)


def _sentence(rng: Random) -> str:
    return rng.choice(_SENTENCES).format(n=rng.randint(2, 99))
