"""Which topics a command may be asked about: a misspelt one would look as if nothing were there."""

import typer


def known_topic(topic: str | None) -> str | None:
    """For options and arguments. Raises `typer.BadParameter` with the topics that there are."""
    from runtally.events import EVENTS

    names = [event.topic for event in EVENTS]
    if topic is not None and topic not in names:
        raise typer.BadParameter(f"{topic!r} is none of the topics of events: {', '.join(names)}")
    return topic
