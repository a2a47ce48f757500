"""`witness:` of twin.yaml: who cosigns the checkpoints of this core, and when it is told that nobody does."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from twinvouch.app.config_types import FileName, Frozen, Seconds, Url
from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.ledger.cosignature import read_witness_key


def _witness_key(text: str) -> str:
    try:
        read_witness_key(text)
    except (MalformedError, UsageError) as error:
        raise ValueError(f"the line that `twinvouch witness key` prints ({error})") from None
    return text


class CosignerSettings(Frozen):
    """One of `witness.cosigners:`, a witness by its key and where it listens."""

    key: Annotated[str, AfterValidator(_witness_key)]
    url: Url
    ca: FileName | None = None


class WitnessSettings(Frozen):
    """`witness:`, the witnesses that are asked, how many a checkpoint should have, and when it is said that it has not."""

    cosigners: Annotated[tuple[CosignerSettings, ...], Field(min_length=1, max_length=16)]
    needed: Annotated[int, Field(ge=1, le=16)] = 1
    interval_s: Annotated[float, Field(ge=0.1, le=86_400)] = 1.0
    late_s: Seconds = 600.0

    @model_validator(mode="after")
    def _fits(self) -> "WitnessSettings":
        keys = {read_witness_key(each.key).public_key for each in self.cosigners}
        if len(keys) != len(self.cosigners):
            raise ValueError("one witness is listed twice: it counts once")
        if self.needed > len(self.cosigners):
            raise ValueError(
                f"`needed` is {self.needed}, only {len(self.cosigners)} cosigners are listed"
            )
        return self
