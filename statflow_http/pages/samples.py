"""The samples of the documentation: files that are programs, shown with this server's address and somebody's key.

They lie in ``samples/`` as they would be run, with an address and a key of nobody; a test runs each of them, as the
page shows it, against a server.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "samples"
ADDRESS, KEY = "https://STATFLOW", "sk_live_YOUR_KEY"
# A key of ours, as a reader may hand one in to be put into the samples.
KEY_TEXT = re.compile(r"sk_(?:live|test)_[A-Za-z0-9]{32}", re.ASCII)
# By the ending of the file, in the order in which they are shown.
LANGUAGES = {
    ".sh": ("curl", "curl"),
    ".py": ("python", "Python"),
    ".js": ("javascript", "JavaScript"),
    ".go": ("go", "Go"),
    ".rb": ("ruby", "Ruby"),
    ".php": ("php", "PHP"),
    ".html": ("html", "HTML"),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One program.

    Attributes:
        name: of the sample, which several languages share.
        slug, language: of it, for programs and for people.
        text: as it lies there.
    """

    name: str
    slug: str
    language: str
    text: str

    def pieces(self, base: str) -> Sequence[str]:
        """The text around each place where the key belongs, with a server's address in it."""
        return self.text.replace(ADDRESS, base).split(KEY)


@cache
def samples() -> dict[str, tuple[Sample, ...]]:
    """Every sample by its name, in all its languages."""
    found: dict[str, list[Sample]] = {}
    for suffix, (slug, language) in LANGUAGES.items():
        for path in sorted(FOLDER.glob(f"*{suffix}")):
            sample = Sample(path.stem, slug, language, path.read_text().strip())
            found.setdefault(path.stem, []).append(sample)
    return {name: tuple(each) for name, each in found.items()}
