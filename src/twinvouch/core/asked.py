"""What a policy is told of an actuator, whoever asks about it."""

from twinvouch.core.inventory import Plant, Tag


def of_actuator(plant: Plant, tag: Tag) -> dict[str, int | str | bool]:
    """Attributes of the resource: its class, its asset, the zone of that."""
    asset = plant.assets.get(tag.asset)
    return {
        "class": tag.command_class.value if tag.command_class else "",
        "asset": tag.asset,
        "zone": asset.zone if asset else "",
    }
