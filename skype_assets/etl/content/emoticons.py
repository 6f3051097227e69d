"""Skype's emoticons as emoji (section 4.1 of the format reference).

An emoticon's type is a name of Skype's own (``smile``, ``facepalm``) or says the characters itself: hexadecimal code
points, an underscore and a name (``1f440_eyes``, ``1f1e9-1f1ea_flag``). Either may end in a skin tone (``yes-tone3``).
"""

import re
from collections.abc import Mapping
from typing import Final

# The first digit is decimal, as in every emoji: that tells `1f440_eyes` from a name such as `face_palm`.
_CODE_POINTS: Final = re.compile(r"([0-9][0-9a-f]{3,5}(?:-[0-9a-f]{2,6}){0,15})_")
_TONE: Final = re.compile(r"-tone([1-5])$")
_FIRST_TONE: Final = 0x1F3FB
_EMOJI_STYLE: Final = "\ufe0f"

EMOJI: Final[Mapping[str, str]] = {
    # Faces
    "smile": "🙂",
    "happy": "😊",
    "laugh": "😄",
    "giggle": "🤭",
    "rofl": "🤣",
    "wink": "😉",
    "cool": "😎",
    "blush": "😊",
    "inlove": "😍",
    "hearteyes": "😍",
    "stareyes": "🤩",
    "kiss": "😘",
    "tongueout": "😛",
    "smirk": "😏",
    "evilgrin": "😈",
    "mmm": "😋",
    "nerdy": "🤓",
    "whew": "😌",
    "wonder": "🤔",
    "think": "🤔",
    "surprised": "😮",
    "speechless": "😐",
    "dull": "😑",
    "sad": "🙁",
    "cry": "😢",
    "loudlycry": "😭",
    "sweat": "😅",
    "worry": "😟",
    "nervous": "😬",
    "wasntme": "😇",
    "angel": "😇",
    "angry": "😠",
    "swear": "🤬",
    "envy": "😒",
    "eyeroll": "🙄",
    "sleepy": "😴",
    "snooze": "😴",
    "yawn": "🥱",
    "puke": "🤮",
    "ill": "🤒",
    "lipssealed": "🤐",
    "shock": "😱",
    "emo": "😔",
    "lying": "🤥",
    "drunk": "🥴",
    "party": "🥳",
    "devil": "👿",
    "hug": "🤗",
    "bear": "🤗",
    "mask": "😷",
    "upsidedown": "🙃",
    "headbang": "🤕",
    # Gestures and people
    "doh": "🤦",
    "facepalm": "🤦",
    "hi": "👋",
    "wave": "👋",
    "bye": "👋",
    "yes": "👍",
    "like": "👍",
    "ok": "👌",
    "no": "👎",
    "dislike": "👎",
    "clap": "👏",
    "praying": "🙏",
    "pray": "🙏",
    "bow": "🙇",
    "nod": "🙂",
    "shake": "🙅",
    "shrug": "🤷",
    "handshake": "🤝",
    "highfive": "🙏",
    "handsinair": "🙌",
    "fistbump": "👊",
    "punch": "👊",
    "muscle": "💪",
    "rock": "🤘",
    "victory": "✌️",
    "fingerscrossed": "🤞",
    "talktothehand": "✋",
    "stop": "✋",
    "finger": "🖕",
    "point": "👉",
    "talk": "🗣️",
    "call": "🤙",
    "wait": "✋",
    "waiting": "⏳",
    "makeup": "💄",
    "dance": "💃",
    "discodancer": "🕺",
    "ninja": "🥷",
    "bandit": "🦹",
    "santa": "🎅",
    "man": "👨",
    "woman": "👩",
    "family": "👪",
    "run": "🏃",
    "gottarun": "🏃",
    "bike": "🚴",
    "swim": "🏊",
    "zombie": "🧟",
    "ghost": "👻",
    "skull": "💀",
    "poop": "💩",
    "poolparty": "🏊",
    "yoga": "🧘",
    "wfh": "🏡",
    # Love
    "heart": "❤️",
    "lovegift": "💝",
    "brokenheart": "💔",
    "bouquet": "💐",
    "flower": "🌹",
    "rose": "🌹",
    "lips": "👄",
    "ring": "💍",
    "loveletter": "💌",
    # Food and drink
    "beer": "🍺",
    "drink": "🍸",
    "champagne": "🍾",
    "cheers": "🥂",
    "coffee": "☕",
    "tea": "🍵",
    "pizza": "🍕",
    "burger": "🍔",
    "cake": "🎂",
    "cupcake": "🧁",
    "donut": "🍩",
    "chocolate": "🍫",
    "apple": "🍎",
    "banana": "🍌",
    "avocadolove": "🥑",
    "turkey": "🦃",
    # Nature
    "sun": "☀️",
    "rain": "🌧️",
    "snowflake": "❄️",
    "snowman": "⛄",
    "rainbow": "🌈",
    "star": "⭐",
    "moon": "🌙",
    "fire": "🔥",
    "tree": "🌳",
    "xmastree": "🎄",
    "cat": "🐱",
    "dog": "🐶",
    "monkey": "🐵",
    "pig": "🐷",
    "panda": "🐼",
    "penguin": "🐧",
    "snail": "🐌",
    "sheep": "🐑",
    "bug": "🐛",
    "butterfly": "🦋",
    "unicorn": "🦄",
    "island": "🏝️",
    "umbrella": "☂️",
    # Things and signs
    "mail": "✉️",
    "phone": "📱",
    "computer": "💻",
    "camera": "📷",
    "movie": "🎬",
    "tv": "📺",
    "music": "🎵",
    "guitar": "🎸",
    "games": "🎮",
    "dice": "🎲",
    "soccer": "⚽",
    "football": "⚽",
    "trophy": "🏆",
    "goldmedal": "🥇",
    "cash": "💵",
    "gift": "🎁",
    "balloon": "🎈",
    "fireworks": "🎆",
    "celebrate": "🎉",
    "idea": "💡",
    "bomb": "💣",
    "time": "⏰",
    "calendar": "📅",
    "book": "📖",
    "learn": "🎓",
    "pencil": "✏️",
    "key": "🔑",
    "car": "🚗",
    "train": "🚆",
    "plane": "✈️",
    "rocket": "🚀",
    "ship": "🚢",
    "house": "🏠",
    "smoke": "🚬",
    "tick": "✅",
    "cross": "❌",
    "100": "💯",
    "question": "❓",
    "exclamation": "❗",
    "warning": "⚠️",
    "tmi": "🙉",
    "lalala": "🙉",
}
"""The emoji of Skype's own names."""


def emoji(type_: str) -> str | None:
    """Return the emoji for the ``type`` of an ``ss`` element, None if it is not known."""
    name = type_.strip().lower()
    if name in EMOJI:
        return EMOJI[name]
    tone = _TONE.search(name)
    base = name[: tone.start()] if tone else name
    shown = EMOJI.get(base) or _decoded(base)
    if shown is None or tone is None:
        return shown
    # A tone follows the person or hand, which comes first, in place of the mark that asks for the emoji's own colour.
    return shown[0] + chr(_FIRST_TONE + int(tone[1]) - 1) + shown[1:].removeprefix(_EMOJI_STYLE)


def _decoded(name: str) -> str | None:
    match = _CODE_POINTS.match(name)
    if match is None:
        return None
    points = [int(point, 16) for point in match[1].split("-")]
    if all(0x20 < point < 0xD800 or 0xDFFF < point <= 0x10FFFF for point in points):
        return "".join(map(chr, points))
    return None
