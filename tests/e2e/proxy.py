"""A TCP proxy that treats connections badly for a while: cuts, delays, half-closes or holds them.

    with Proxy({0: ("127.0.0.1", 5432)}, seed=1) as proxy:     # listen on any port: proxy.ports[0]
        with proxy.unruly("cut"): …

Outside of unruly() bytes pass as they come. Inside, to each piece of bytes, in either direction:

    cut      every twentieth is passed on up to a random byte, then both ends are reset
    half     after every twentieth one end is told that no more bytes come, the other end is not
    delay    it waits for up to 300 ms
    hold     nothing passes, nothing is closed; what was held passes afterwards

`dealt` counts what was done. Everything runs in one thread with an event loop of its own.
"""

import asyncio
import random
import threading
from collections import Counter
from contextlib import contextmanager

ONE_IN = 20
LONGEST_DELAY = 0.3


class Proxy:
    def __init__(self, routes, seed):
        """routes: {port to listen on, 0 for any: (host, port) or the path of a Unix socket}"""
        self._routes, self._chance = routes, random.Random(seed)
        self.ports, self.dealt, self._way = {}, Counter(), "pass"
        self._loop, self._ready = asyncio.new_event_loop(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @contextmanager
    def unruly(self, way):
        self._call(self._treat, way)
        try:
            yield
        finally:
            self._call(self._treat, "pass")

    def _call(self, function, *arguments):
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (function(*arguments), done.set()))
        assert done.wait(10)

    def _treat(self, way):
        self._way = way
        self._flowing.clear() if way == "hold" else self._flowing.set()

    def _run(self):
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self):
        self._stop, self._flowing, self._tasks = asyncio.Event(), asyncio.Event(), set()
        self._flowing.set()
        listeners = []
        for port, target in self._routes.items():
            listener = await asyncio.start_server(self._accepter(target), "127.0.0.1", port)
            self.ports[port] = listener.sockets[0].getsockname()[1]
            listeners.append(listener)
        self._ready.set()
        await self._stop.wait()
        for listener in listeners:
            listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accepter(self, target):
        async def accept(reader, writer):
            self._tasks.add(asyncio.current_task())
            try:
                await self._link(target, reader, writer)
            except (OSError, asyncio.CancelledError):
                pass
            finally:
                writer.transport.abort()
                self._tasks.discard(asyncio.current_task())

        return accept

    async def _link(self, target, reader, writer):
        if isinstance(target, str):
            there = await asyncio.open_unix_connection(target)
        else:
            there = await asyncio.open_connection(*target)
        ends = (writer, there[1])
        ways = [
            asyncio.create_task(self._copy(reader, there[1], ends)),
            asyncio.create_task(self._copy(there[0], writer, ends)),
        ]
        try:
            await asyncio.wait(ways)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            there[1].transport.abort()

    async def _copy(self, reader, writer, ends):
        """One direction, until its sender ends or something is done to it; a reset ends both."""
        try:
            while data := await reader.read(65536):
                way = self._way
                if way == "delay":
                    await asyncio.sleep(self._chance.random() * LONGEST_DELAY)
                await self._flowing.wait()
                struck = way in ("cut", "half") and self._chance.randrange(ONE_IN) == 0
                self.dealt[way] += struck or way in ("delay", "hold")
                if struck and way == "cut":
                    writer.write(data[: self._chance.randrange(len(data))])
                    await writer.drain()
                    raise ConnectionResetError
                writer.write(data)
                await writer.drain()
                if struck:
                    break
            writer.write_eof()
        except OSError:
            for end in ends:
                end.transport.abort()
