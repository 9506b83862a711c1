"""Tornado, on one port: `python -m benchmarks.peers.tornado_service PORT`."""

import asyncio
import json
import sys

from tornado.web import Application, RequestHandler

from benchmarks.work import work

METHODS = {"bench.add": work}


class Calls(RequestHandler):
    async def post(self) -> None:
        call = json.loads(self.request.body)
        self.write({"result": METHODS[call["method"]](call["parameters"])})


async def main() -> None:
    Application([("/", Calls)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
