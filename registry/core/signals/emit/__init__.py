"""The signals that say elsewhere what a maker has said here: for a site's files, headers and pages, and for files."""

from registry.core.signals.emit.declaration import Declaration

__all__ = ["Declaration"]
