"""Interface code shared by the pages; not pages themselves."""
