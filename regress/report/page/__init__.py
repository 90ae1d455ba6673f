"""The report that people look at: one HTML file with everything in it."""

from regress.report.page.page import FILE, write_page

__all__ = ["FILE", "write_page"]
