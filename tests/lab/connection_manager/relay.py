# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A port of one machine of a lab, at the same port of the operator's place:   relay.py MACHINE PORT

The SDK of a machine reaches its Payment Manager, which runs with Vault and Connection Manager where the operator is. It says ``ready``.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.holder import NETWORKS
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.namespaces import enter_network


def listening_at(machine: str, port: int) -> socket.socket:
    """A socket belongs to the network in which it was made: a thread goes there, and ends."""
    made: list[socket.socket] = []

    def listen() -> None:
        enter_network(str(NETWORKS / machine))
        made.append(socket.create_server(("127.0.0.1", port)))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    return made[0]


async def main(machine: str, port: int) -> None:
    """Carry every connection over, until the process ends."""

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while content := await source.read(65536):
                target.write(content)
                await target.drain()
        finally:
            target.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer), return_exceptions=True)

    async with await asyncio.start_server(carry, sock=listening_at(machine, port)) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await server.serve_forever()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
