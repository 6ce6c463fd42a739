"""What the notebooks of the course share: settings, kept results, and figures."""

from lpc_scratch.course.settings import FAST_SHARE, is_fast, kept, settings

__all__ = ["FAST_SHARE", "is_fast", "kept", "settings"]
