"""A plant's own class of look-ahead that can be fitted: a tank whose demand is in its data file."""

from collections.abc import Mapping

from twinvouch.twin.tank import Tank

_NUMBERS = {"area_m2": 100.0, "pump_m3h": 100.0, "low_m": 0.0, "high_m": 10.0}


class Fitted(Tank):
    def __init__(self, data: bytes, numbers: Mapping[str, float]) -> None:
        super().__init__(b"", {**_NUMBERS, **numbers, "demand_m3h": float(data)})

    @staticmethod
    def parameters(data: bytes) -> Mapping[str, tuple[float, float]]:
        return {"demand_m3h": (float(data), 20.0)}

    @staticmethod
    def varied(_data: bytes, values: Mapping[str, float]) -> bytes:
        return f"{values['demand_m3h']:.3f}".encode()
