"""What a page's figures can be told by, where the reader chooses: agents, models, users, workspaces, environments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from runtally_ui import formats, own_fields
from runtally_ui.answers import QueryRow
from runtally_ui.chart_data import Palette

FIELD: Final = "by"
_SEPARATOR: Final = "\u241f"
_NO_VALUE: Final = "(no {word})"


@dataclass(frozen=True)
class Grouping:
    """A dimension, in words too. Agents of one id in two workspaces are two, so theirs has two parts."""

    word: str
    dimensions: tuple[str, ...]

    def name(self, row: QueryRow, palette: Palette) -> str:
        """Of a group; in words too where its runs leave it empty."""
        if row.other:
            return "All others"
        if "agent_id" in self.dimensions:
            name = palette.name(row.text("workspace_id"), row.text("agent_id"))
            version = row.text("agent_version") or _NO_VALUE.format(word="version")
            return f"{name} · {formats.cut(version, 40)}" if "agent_version" in self.dimensions else name
        return formats.cut(row.text(self.dimensions[0]) or _NO_VALUE.format(word=self.word), 60)

    def identity(self, row: QueryRow) -> str:
        """What tells a group from the others."""
        return "\u2400others" if row.other else _SEPARATOR.join(row.text(name) for name in self.dimensions)

    def of_runs(self, row: QueryRow) -> dict[str, str]:
        """What the runs of a group are narrowed by."""
        return {name: row.text(name) for name in self.dimensions}


GROUPINGS: Final[Mapping[str, Grouping]] = {
    "By agent": Grouping("agent", ("workspace_id", "agent_id")),
    "By model": Grouping("model", ("model",)),
    "By user": Grouping("user", ("user_id",)),
    "By workspace": Grouping("workspace", ("workspace_id",)),
    "By environment": Grouping("environment", ("environment",)),
}


BY_VERSION: Final = Grouping("version", ("workspace_id", "agent_id", "agent_version"))


def chosen(among: Mapping[str, Grouping] = GROUPINGS) -> Grouping:
    """What the field says, before it is drawn, too."""
    return among[own_fields.choice(FIELD, list(among))]


def field(among: Mapping[str, Grouping] = GROUPINGS) -> None:
    """The reader's choice; it stands in the address."""
    own_fields.choice_of(FIELD, "Told by", list(among), 170)
