"""Everything both sides need and neither may differ in. Pure: no web, no database, no clock, no environment."""
