"""Why a model says what it says: attributions of predictions, reasons of single items, and what makes up a gap."""
