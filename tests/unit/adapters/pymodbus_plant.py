"""pymodbus' own server as a conformance partner: one unit with four tables of 2,100 bits or 300 words."""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymodbus import ModbusDeviceIdentification
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
BITS = 2100
WORDS = 300


def simulated(unit: int = 1) -> SimDevice:
    bits = [SimData(0, values=[k % 3 == 0 for k in range(BITS)], datatype=DataType.BITS)]
    words = [SimData(0, values=list(range(WORDS)), datatype=DataType.REGISTERS)]
    return SimDevice(unit, (bits, bits, words, words))


@asynccontextmanager
async def served(tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on a free port of loopback; gives the port."""
    if tls is None:
        who = ModbusDeviceIdentification(
            info_name={
                "VendorName": "twinvouch",
                "ProductCode": "T",
                "MajorMinorRevision": "1.0",
                "ProductName": "a plant for tests",
            }
        )
        server = ModbusTcpServer(simulated(), identity=who, address=("127.0.0.1", 0))
    else:
        server = ModbusTlsServer(
            simulated(), sslctx=tls, address=("127.0.0.1", 0), framer=FramerType.SOCKET
        )
    assert await server.listen()
    try:
        yield server.transport.sockets[0].getsockname()[1]
    finally:
        await server.shutdown()
