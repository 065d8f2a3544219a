"""A TCP proxy that cuts PostgreSQL connections at the worst moment: around COMMIT.

    with Cutter(shop.conninfo, seed=1) as cutter:
        psycopg.connect(cutter.conninfo)

It looks for the simple query COMMIT in the client's bytes and decides by lot:

    pass    hand it on, and its answer back
    before  cut without handing it on: it never happens
    after   hand it on, wait for the server's answer, and cut instead of handing that back: it happened
    blind   hand it on and cut at once: it happens while the client already tries again

In the last three the client sees the same: a connection that broke. `cuts` counts each.
"""

import asyncio
import random
import threading
from collections import Counter

from psycopg.conninfo import conninfo_to_dict, make_conninfo

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
LOTS = {"pass": 70, "before": 8, "after": 14, "blind": 8}


class Cutter:
    def __init__(self, conninfo, seed):
        server = conninfo_to_dict(conninfo)
        self._server = {"host": server["host"], "port": int(server.get("port", 5432))}
        self._conninfo = conninfo
        self._chance, self.cuts = random.Random(seed), Counter()
        self._loop, self._ready = asyncio.new_event_loop(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        self.conninfo = make_conninfo(
            self._conninfo, host="127.0.0.1", port=self.port, sslmode="disable", gssencmode="disable"
        )
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self):
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self):
        self._stop, self._tasks = asyncio.Event(), set()
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        if self._server["host"].startswith("/"):
            path = f"{self._server['host']}/.s.PGSQL.{self._server['port']}"
            server_reader, server_writer = await asyncio.open_unix_connection(path)
        else:
            server_reader, server_writer = await asyncio.open_connection(**self._server)
        down = asyncio.create_task(self._copy(server_reader, writer))
        try:
            await self._up(reader, server_reader, writer, server_writer, down)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            down.cancel()
            writer.close()
            server_writer.close()
            self._tasks.discard(asyncio.current_task())

    async def _up(self, reader, server_reader, writer, server_writer, down):
        """Client to server, until one of both ends or the connection is cut."""
        while data := await reader.read(65536):
            fate = self._draw() if COMMIT in data else "pass"
            if fate == "before":
                return
            if fate == "pass":
                server_writer.write(data)
                await server_writer.drain()
                continue
            down.cancel()
            await asyncio.gather(down, return_exceptions=True)
            server_writer.write(data)
            await server_writer.drain()
            if fate == "after":
                await server_reader.read(65536)
            return

    def _draw(self):
        fate = self._chance.choices([*LOTS], weights=LOTS.values())[0]
        self.cuts[fate] += 1
        return fate

    @staticmethod
    async def _copy(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()
