"""Which groups of users a re-ranker tells apart."""

from pydantic import Field

from core.schema.settings import BINS, Bins, Settings


class UserGroupingSettings(Settings):
    """Groups of users, as in audits."""

    by: str = Field(description="User attribute whose groups are told apart")
    bins: Bins = BINS
