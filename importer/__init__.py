"""Import spreadsheets of leads into the Tini App lead API: never twice, never lost."""

__version__ = "0.1.0"
