"""What the doctor looks at in files: configurations, keys and tokens, what two files say of one plant, the ledger."""

import base64
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from twinvouch.adapters.keys import FileSigner
from twinvouch.adapters.private_file import forbidden_bits
from twinvouch.app import actuator_config, build
from twinvouch.app.actuator_config import PointSettings
from twinvouch.app.config_checks import notices
from twinvouch.app.config_model import Config
from twinvouch.app.config_tags import TagSettings
from twinvouch.app.doctor import Found, Patient, fail, ok, warn
from twinvouch.core.errors import ConfigError, TwinvouchError
from twinvouch.ledger import checkpoint

CORE_KEYS = ("log", "permit")


def patient(config_path: Path, actuator_path: Path, *, devices: bool = False) -> Patient:
    """Read what can be read; what cannot is told by the check `config`."""
    config = own = None
    try:
        config = build.load(config_path)
        build.site(config)
    except TwinvouchError:
        config = None
    try:
        own = actuator_config.load(actuator_path) if actuator_path.exists() else None
    except TwinvouchError:
        own = None
    return Patient(config_path, actuator_path, config, own, devices)


def config(patient: Patient) -> Iterator[Found]:
    """Whether the files can be used, and what is unfinished."""
    if patient.config is None and not (patient.config_path.exists() or patient.actuator is None):
        yield ok("config", f"no `{patient.config_path}` here: this machine has the actuator only")
    elif patient.config is None:
        yield _refused(patient.config_path, lambda: build.site(build.load(patient.config_path)))
    else:
        yield ok("config", f"`{patient.config_path}` can be used")
        for notice in notices(patient.config):
            yield warn("config", notice, "finish it before this part is used")
    if patient.actuator is not None:
        yield ok("config", f"`{patient.actuator_path}` can be used")
    elif patient.actuator_path.exists():
        yield _refused(patient.actuator_path, lambda: actuator_config.load(patient.actuator_path))


def _refused(path: Path, load: Callable[[], object]) -> Found:
    try:
        load()
    except TwinvouchError as error:
        return fail("config", str(error), f"correct `{path}`; `twinvouch check` tells more")
    return ok("config", f"`{path}` can be used")


def keys(patient: Patient) -> Iterator[Found]:
    """Keys and tokens: who may read them, whose they are, and whether they are those of the configuration."""
    found: list[Found] = []
    if patient.config is not None:
        directory = patient.config.keys_dir
        for file in sorted([*directory.glob("*.key"), *directory.glob("*.token")]):
            found += _private(file)
        found += _edge_keys(patient.config)
    if patient.actuator is not None:
        base = patient.actuator_path.parent
        guard = patient.actuator.proxy
        own = () if guard is None else (guard.key,)
        for name in (patient.actuator.key, patient.actuator.token_file, *own):
            found += _private(base / name)
    yield from found
    if not any(f.status != "ok" for f in found):
        yield ok("keys", f"{len(found)} key and token files are private" if found else "none here")


def _private(file: Path) -> Iterator[Found]:
    if not file.exists():
        do = "make it with `twinvouch principals add`, or move it here"
        yield fail("keys", f"`{file}`: no such file", do)
        return
    about = file.stat()
    if about.st_mode & forbidden_bits(file):
        mode = stat.S_IMODE(about.st_mode)
        do = f"`chmod 600 {file}`, and make a new one if others had access"
        yield fail("keys", f"`{file}` has mode {mode:04o}: others can read it", do)
    elif about.st_uid != os.geteuid() and not os.access(file, os.R_OK):
        do = f"give it to the user that runs the process: `chown USER {file}`"
        yield warn("keys", f"`{file}` belongs to user {about.st_uid}, not to this one", do)
    elif file.suffix == ".key":
        yield _usable(file)
    else:
        yield ok("keys", f"`{file}` is private")


def _usable(file: Path) -> Found:
    try:
        FileSigner(file)
    except ConfigError as error:
        return fail("keys", str(error), "put the right file here")
    return ok("keys", f"`{file}` is private")


def _edge_keys(config: Config) -> Iterator[Found]:
    """Keys of edges that lie here must be the halves of those in the configuration."""
    if config.key_list is not None:
        return  # the list says whose a key is, and an edge asks it when it starts
    public = {p.id: p.key for p in config.principals}
    for edge in config.edges:
        file = config.keys_dir / f"{edge}.key"
        if not file.exists() or public.get(edge) is None or not os.access(file, os.R_OK):
            continue
        try:
            here = base64.b64encode(FileSigner(file).public_key).decode()
        except ConfigError:
            continue  # told already
        if here != public[edge]:
            do = f"enter the key that `twinvouch principals add {edge}` printed, or bring the right file"
            yield fail("keys", f"`{file}` is not the key that principal `{edge}` has", do)


def agreement(patient: Patient) -> Iterator[Found]:
    """What twin.yaml and actuator.yaml say of one plant, where both are here."""
    config, own = patient.config, patient.actuator
    if config is None or own is None:
        return
    wrong = []
    if own.plant != config.plant.id:
        wrong.append(f"plant `{own.plant}` there, `{config.plant.id}` here")
    named = config.actuator.principal if config.actuator is not None else "none"
    if own.principal != named:
        wrong.append(f"principal `{own.principal}` there, `{named}` here")
    permit = config.keys_dir / "permit.key"
    if own.permit_key is not None and permit.exists() and os.access(permit, os.R_OK):
        public = base64.b64encode(FileSigner(permit).public_key).decode()
        if public != own.permit_key:
            wrong.append("its `permit_key` is not that of this core")
    for point in own.points:
        wrong += _differences(point, config.tags.get(point.tag))
    for text in wrong:
        do = (
            "compare the two files with the plant's documents: every permit is checked against both"
        )
        yield fail("agreement", f"`{patient.actuator_path}`: {text}", do)
    if not wrong:
        yield ok("agreement", f"{len(own.points)} points are as in `{patient.config_path}`")


def _differences(point: PointSettings, tag: TagSettings | None) -> Iterator[str]:
    if tag is None or tag.actuator is None:
        yield f"point `{point.tag}` is no actuator of the plant"
        return
    there = (point.device, point.unit, point.table, point.address)
    here = (tag.device, tag.modbus_unit, tag.table, tag.address)
    if there != here:
        yield f"point `{point.tag}` is at {there}, the tag at {here}"


def ledger(patient: Patient) -> Iterator[Found]:
    """The last checkpoint: signed by this core's key, and of this plant. `ledger verify` looks at all the rest."""
    if patient.config is None:
        return
    directory = patient.config.data_dir / "ledger"
    file, key = directory / "checkpoint", patient.config.keys_dir / "log.key"
    if not file.exists():
        yield ok("ledger", "none yet: it begins with the first start")
        return
    raw = file.read_bytes()
    head = checkpoint.read_text(checkpoint.read_note(raw).text)
    plant = head.origin.partition("/")[0]
    if plant != patient.config.plant.id:
        said = f"`{file}` is of plant `{plant}`"
        yield fail("ledger", said, "this data directory belongs to another configuration")
        return
    if not key.exists() or not os.access(key, os.R_OK):
        do = "run the doctor as the user of the core, to check the signature"
        yield warn("ledger", f"{head.size} entries; `{key}` is not to be read here", do)
        return
    signer = FileSigner(key)
    checkpoint.verify(raw, checkpoint.VerifierKey(head.origin, signer.public_key))
    yield ok("ledger", f"{head.size} entries, the last checkpoint is signed by this core")
