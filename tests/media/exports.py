"""Exports with media of every kind, in every container; and what an independent reader finds in them."""

import gzip
import hashlib
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

OWNER = "8:live:mara.ostrow"
CHAT = "8:tbrannock"
CONTAINERS = ("export.tar", "export.tar.gz", "stored.zip", "deflated.zip", "folder")

Members = dict[str, bytes]


def document_id(number: int) -> str:
    return f"0-weu-d{number % 15 + 1}-{number:032x}"


def message(number: int, document: str, name: str = "garden gate.jpg") -> dict[str, object]:
    at = f"2019-03-{number % 28 + 1:02d}T10:00:00Z"
    uri = f"https://api.asm.skype.com/v1/objects/{document}"
    content = f'<URIObject uri="{uri}" type="Picture.1" doc_id="{document}"><OriginalName v="{name}"/></URIObject>'
    return {
        "id": str(1_552_000_000_000 + number),
        "originalarrivaltime": at,
        "messagetype": "RichText/UriObject",
        "version": 1_552_000_000_000 + number,
        "content": content,
        "conversationid": CHAT,
        "from": OWNER,
        "properties": None,
        "amsreferences": [document],
    }


def messages(*of: dict[str, object]) -> bytes:
    chat = {"id": CHAT, "displayName": "Theo", "MessageList": list(of)}
    return json.dumps({"userId": OWNER, "exportDate": "2020-01-01T00:00", "conversations": [chat]}).encode()


def side_file(name: str, mime: str = "image/jpeg") -> bytes:
    side = {"expiry_date": "3017-03-08T11:42:19.4410276Z", "filename": name, "contents": {"1": {"type": mime}}}
    return json.dumps(side).encode()


def many(count: int, seed: int = 1, largest: int = 6_000) -> Members:
    """An export with so many objects, some of them empty or equal, a preview for every tenth."""
    drawn = random.Random(seed)
    members = {"endpoints.json": b'{"endpoints": []}', "notes.txt": b"not of Skype"}
    members["messages.json"] = messages(*(message(number, document_id(number)) for number in range(count)))
    for number in range(count):
        body = drawn.randbytes(0 if number % 50 == 7 else drawn.randrange(1, largest))
        body = b"\xff\xd8\xff" + body if body else body
        members[f"media/{document_id(number)}.1.jpeg"] = body
        members[f"media/{document_id(number)}.json"] = side_file(f"photo {number % 40}.jpg")
        if number % 10 == 0:
            members[f"media/{document_id(number)}.2.jpeg"] = body[:100]
    return members


def write(path: Path, members: Mapping[str, bytes]) -> Path:
    """The members in the container that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name == "folder":
        for name, data in members.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    elif path.suffix == ".zip":
        how = zipfile.ZIP_STORED if path.stem == "stored" else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(path, "w", how) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    else:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        data = packed.getvalue()
        path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
    return path


def read_by_others(path: Path) -> Members:
    """What Python's own modules find in an export."""
    if path.is_dir():
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(path) as tar:
        found = {info.name: tar.extractfile(info) for info in tar.getmembers()}
        return {name: stream.read() for name, stream in found.items() if stream}


def objects(members: Mapping[str, bytes]) -> Members:
    """The media objects among members."""
    return {name: data for name, data in members.items() if "media/" in name and not name.endswith(".json")}


def hashes(members: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}


def stored(output: Path) -> Members:
    """Everything that lies in the store of an output folder, by name; without its lock."""
    store = output / "media"
    files = (path for path in store.rglob("*") if path.is_file() and path.name != "lock") if store.is_dir() else ()
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in files}
