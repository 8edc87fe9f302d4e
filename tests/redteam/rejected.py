"""What attacks by upload have in common: the file, and that it is rejected by name."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from tests.redteam.door import Door


class Rejected(ABC):
    """An upload that inspection rejects with `code`, and `told` among its words."""

    kind: ClassVar[str] = "models"
    code: ClassVar[str]
    told: ClassVar[str]

    @abstractmethod
    def content(self, folder: Path) -> bytes:
        """The hostile file; what it plants or reaches for lies below `folder`."""

    def test_the_upload_is_rejected_by_name(self, door: Door, tmp_path: Path) -> None:
        before = _all_below(tmp_path)
        door.rejected(self.kind, self.content(tmp_path), self.code, self.told)
        assert _all_below(tmp_path) == before


def _all_below(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))
