"""The commands of the shell by theme: one file each, with `add(command)`; a new file is one more name in `THEMES`."""

from core.commands import (
    bench,
    explaining,
    feedback,
    frontier,
    monitoring,
    news,
    offers,
    policies,
    reading,
    reporting,
    signing,
    simulating,
    trail,
    watching,
    work,
)

THEMES = (
    work,
    news,
    feedback,
    reading,
    policies,
    signing,
    trail,
    monitoring,
    watching,
    frontier,
    explaining,
    offers,
    reporting,
    simulating,
    bench,
)
