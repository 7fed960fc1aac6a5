"""The contracts: tables, settings and documents."""
