# reader.py URL...: reads each, and connects again when a connection is gone. On standard error a
# line when a connection is open, `NUMBER open`, and for each message, `NUMBER TEXT`; NUMBER: of the
# URL, from 0 on.
import asyncio
import sys

import websockets

PAUSE = 0.05  # seconds, before it connects again


async def read(number, url):
    def say(text):
        print(number, text, file=sys.stderr, flush=True)

    while True:
        try:
            async with websockets.connect(url) as socket:
                say("open")
                async for text in socket:
                    say(text)
        except (OSError, asyncio.TimeoutError, websockets.WebSocketException):
            pass
        await asyncio.sleep(PAUSE)


async def main():
    await asyncio.gather(*(read(number, url) for number, url in enumerate(sys.argv[1:])))


asyncio.run(main())
