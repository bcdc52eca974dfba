"""A Modbus TCP server from pymodbus: registers hold what the first argument says. Prints its port."""
import asyncio
import json
import socket
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext

words = json.loads(sys.argv[1])  # {"address": [words...]}, PDU addresses
size = max(int(a) + len(w) for a, w in words.items()) + 1
values = [0] * size
for address, block in words.items():
    values[int(address) : int(address) + len(block)] = block
block = ModbusSequentialDataBlock(0, values)
store = ModbusSlaveContext(hr=block, ir=block, di=ModbusSequentialDataBlock(0, [0] * 8), co=ModbusSequentialDataBlock(0, [0] * 8), zero_mode=True)
context = ModbusServerContext(slaves={1: store}, single=False)
probe = socket.socket()
probe.bind(("127.0.0.1", 0))
port = probe.getsockname()[1]
probe.close()
framer = None
if len(sys.argv) > 2 and sys.argv[2] == "rtu":
    from pymodbus.framer.rtu_framer import ModbusRtuFramer as framer
elif len(sys.argv) > 2 and sys.argv[2] == "ascii":
    from pymodbus.framer.ascii_framer import ModbusAsciiFramer as framer


async def main():
    from pymodbus.server.async_io import ModbusTcpServer

    arguments = {"address": ("127.0.0.1", port)}
    if framer:
        arguments["framer"] = framer
    server = ModbusTcpServer(context, **arguments)
    task = asyncio.ensure_future(server.serve_forever())
    for _ in range(200):
        await asyncio.sleep(0.02)
        try:
            with socket.create_connection(("127.0.0.1", port), 0.2):
                break
        except OSError:
            continue
    print(port, flush=True)
    await task


asyncio.run(main())
