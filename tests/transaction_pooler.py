"""``python transaction_pooler.py FOLDER SIZE``: a pooler in transaction mode, as small as one can be.

It listens at a socket in the current folder, and hands SIZE connections with the server whose socket is in FOLDER from
one transaction to the next, without asking for anybody's password or setting anything anew. Like PgBouncer before 1.20
it refuses the startup parameter ``options``. Run as a script, by path, so it imports nothing of ours.
"""

import asyncio
import struct
import sys
from dataclasses import dataclass, field

_NOT_ENCRYPTED = (80877103, 80877104)
_CANCEL = 80877102
_READY = b"Z\0\0\0\5I"


class Refused(Exception):
    """The server does not take what a client began with; its answer is that client's."""


@dataclass
class Server:
    """A connection with the server, and what it said when it began."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    said: bytes = b""


@dataclass
class Pool:
    """The connections of one user with one database: those that nobody uses, and how many may still be made."""

    startup: bytes
    left: int
    free: "asyncio.Queue[Server]" = field(default_factory=lambda: asyncio.Queue[Server]())

    async def take(self, target: str) -> Server:
        if self.free.empty() and self.left:
            self.left -= 1
            try:
                return await self._open(target)
            except BaseException:
                self.left += 1
                raise
        return await self.free.get()

    async def _open(self, target: str) -> Server:
        server = Server(*await asyncio.open_unix_connection(target))
        server.writer.write(self.startup)
        while not server.said.endswith(_READY):
            server.said += (answer := await message(server.reader))
            if answer[:1] == b"E":
                raise Refused(answer)
        return server

    async def give_up(self, server: Server, target: str) -> None:
        """What a client left in the middle of something is ended, with its transaction."""
        server.writer.close()
        self.free.put_nowait(await self._open(target))


async def message(reader: asyncio.StreamReader) -> bytes:
    """One message of the protocol: a letter, its length, and so many bytes."""
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


async def startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """What a client begins with; empty if it only cancels."""
    while True:
        size, code = struct.unpack("!ii", head := await reader.readexactly(8))
        if code in _NOT_ENCRYPTED:
            writer.write(b"N")
            continue
        return b"" if code == _CANCEL else head + await reader.readexactly(size - 8)


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pools: dict[bytes, Pool], target: str, size: int
) -> None:
    """Serve a client: a connection with the server is its own from a message until a transaction has ended."""
    wanted = await startup(reader, writer)
    if not wanted:
        return
    values = dict(zip(*[iter(wanted[8:].split(b"\0"))] * 2, strict=False))
    if b"options" in values:
        fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
        writer.write(b"E" + struct.pack("!i", len(fields) + 4) + fields)
        return
    pool = pools.setdefault(values[b"user"] + b"@" + values[b"database"], Pool(wanted, size))
    server = await pool.take(target)
    writer.write(server.said)
    pool.free.put_nowait(server)
    asked = asyncio.ensure_future(message(reader))
    while (await asked)[:1] != b"X":
        server, ended = await pool.take(target), False
        answered = asyncio.ensure_future(message(server.reader))
        try:
            while not ended:
                await asyncio.wait({asked, answered}, return_when=asyncio.FIRST_COMPLETED)
                if asked.done():
                    server.writer.write(asked.result())
                    asked = asyncio.ensure_future(message(reader))
                if answered.done():
                    writer.write(answered.result())
                    await writer.drain()
                    ended = answered.result() == _READY
                    if not ended:
                        answered = asyncio.ensure_future(message(server.reader))
        finally:
            if ended:
                pool.free.put_nowait(server)
            else:
                answered.cancel()
                await pool.give_up(server, target)


async def main(folder: str, size: int) -> None:
    """Listen until somebody ends this."""
    pools: dict[bytes, Pool] = {}

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer, pools, f"{folder}/.s.PGSQL.5432", size)
        except Refused as refused:
            writer.write(refused.args[0])
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it is gone, or the server is
        finally:
            writer.close()

    async with await asyncio.start_unix_server(client, ".s.PGSQL.6432") as listening:
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
