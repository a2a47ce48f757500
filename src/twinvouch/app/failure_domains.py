"""The failure domains of a tag as a configuration declares them, `core.inventory.Domains`."""

import base64

from twinvouch.app.config_model import Config
from twinvouch.core.inventory import Domains, key_id


def of(config: Config, tag: str) -> Domains:
    """Edge, zone, vendor, key and time source of it; empty where it is not declared."""
    about = config.tags[tag]
    group, asset = config.groups.get(about.group), config.assets.get(tag.partition("/")[0])
    edge = "" if group is None else group.edge
    key = next((p.key for p in config.principals if p.id == edge), None)
    return Domains(
        edge=edge,
        zone=("" if asset is None else asset.zone) or "",
        vendor=about.vendor,
        key=key_id(base64.b64decode(key)).hex() if key else "",
        time_source=about.time_source,
    )
