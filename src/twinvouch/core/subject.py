"""What a person or the twin may speak about: a tag, or all tags of an asset."""

from twinvouch.core.inventory import Plant


def tags_of(plant: Plant, subject: str) -> tuple[str, ...]:
    """The tag of this name, or all tags of the asset; nothing where there is neither."""
    if subject in plant.tags:
        return (subject,)
    if subject not in plant.assets:
        return ()
    return tuple(tag for tag in plant.tags if tag.startswith(f"{subject}/"))
