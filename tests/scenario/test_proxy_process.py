"""The real process as a guard proxy: `twinvouch actuator` lets a Modbus client in, and asks the core for each write."""

import asyncio
import base64
import time
from pathlib import Path

import pytest
from tests.scenario.test_actuator_process import process_of
from tests.unit.app.fake_core import FakeCore, serving
from tests.unit.app.permits import CORE, PLANT, SECOND, permit, sealed
from tests.unit.app.proxy_client import client

from twinvouch.adapters.keys import generate
from twinvouch.app.bench.proxy_plant import Plant
from twinvouch.app.bench.proxy_site import free_port
from twinvouch.core.errors import MalformedError
from twinvouch.wire.command import read_command
from twinvouch.wire.cose import unseal

pytestmark = pytest.mark.slow
SPEED_1 = "10 000a 0002 04 3f80 0000"


class Permitting(FakeCore):
    """Permits what it is asked for, on the stream, as a core does; `says` is what it answers."""

    says = "permitted"

    async def _post(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            command = read_command(unseal(body).content, PLANT)
        except MalformedError:  # an outcome
            self.answer = 200, {"status": "executed"}
            await super()._post(body, writer)
            return
        code = 403 if self.says == "denied" else 200
        self.answer = code, {"id": command.id, "status": self.says}
        await super()._post(body, writer)
        self.outcomes.pop()
        if self.says == "permitted":
            expires = time.time_ns() + 5 * SECOND
            await self.send(sealed(permit(7, command=command.id, expires_ns=expires)))


def configured(directory: Path, core: str, plant: int, front: int) -> Path:
    for name in ("actuator", "hmi"):
        generate(directory / f"{name}.key")
    token = directory / "actuator.token"
    token.touch(mode=0o600)
    token.write_text("tvt_token\n")
    path = directory / "actuator.yaml"
    path.write_text(f"""\
version: 1
plant: {PLANT}
principal: actuator-1
key: actuator.key
permit_key: "{base64.b64encode(CORE.public_key).decode()}"
core: {core}
token_file: actuator.token
data: data
devices:
  plc-1: {{host: 127.0.0.1, port: {plant}}}
points:
  - {{tag: pump-1/speed, device: plc-1, table: holding, address: 10, encoding: f32, min: 0, max: 1.5}}
proxy:
  principal: hmi
  key: hmi.key
  decide_s: 10
  listen:
    - {{device: plc-1, port: {front}}}
  tags:
    pump-1/speed: {{measured_in: "1"}}
""")
    return path


async def when_open(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return


def test_a_client_behind_the_process_reads_and_writes_with_permits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.unit.app.fake_core.FakeCore", Permitting)

    async def act() -> str:
        plant, front = Plant(), free_port()
        await plant.open()
        async with serving() as core:
            assert isinstance(core, Permitting)
            config = configured(tmp_path, core.url, plant.port, front)
            metrics = tmp_path / "actuator.prom"
            async with process_of(config, "--metrics-file", str(metrics)) as process:
                await when_open(front)
                await core.opened.wait()
                async with client(front) as panel:
                    assert await panel.told("03 000a 0002") == "030400000000"
                    assert await panel.told(SPEED_1) == "10000a0002"
                    core.says = "denied"
                    assert await panel.told(SPEED_1) == "9003"
                    assert await panel.told("15 00") == "9501"
                await core.wait_for(1)
                process.terminate()
                said = (await process.communicate())[1].decode()
                assert process.returncode == 0, said
        assert plant.seen == [(1, "holding", 10, (0x3F80, 0))]
        await plant.close()
        assert 'twinvouch_proxy_writes_total{fate="executed"} 1.0' in metrics.read_text()
        return said

    said = asyncio.run(asyncio.wait_for(act(), 60))
    assert "Modbus clients are let in" in said
