"""Every error the framework raises on purpose, under one base class.

An error names the offending thing, what was expected and, where there is one,
the fix. ``code`` is a stable machine-readable word; ``status`` is the HTTP
status the web layer answers with; ``detail`` is safe to show to the caller.
"""

from __future__ import annotations

from typing import Any


class ScrmError(Exception):
    """Base class of all errors raised on purpose."""

    status = 500
    code = "error"

    def __init__(self, message: str, *, code: str | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.extra: dict[str, Any] = extra

    def __str__(self) -> str:
        return self.message


class Invalid(ScrmError):
    """Input that cannot be accepted as it is; ``field`` names the part of it."""

    status = 422
    code = "invalid"

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None, **extra: Any) -> None:
        super().__init__(message, code=code, **extra)
        self.field = field


class Malformed(Invalid):
    """Input that cannot even be read (not JSON, wrong encoding, too deep)."""

    status = 400
    code = "malformed"


class TooLarge(Malformed):
    """Input over a limit of :mod:`scrm_core.limits`."""

    status = 413
    code = "too_large"


class NotFound(ScrmError):
    """The thing does not exist *for this brand*: one answer for both cases."""

    status = 404
    code = "not_found"


class Gone(NotFound):
    """The thing was here and has ended: an expired or disabled link."""

    status = 410
    code = "gone"


class Unauthorized(ScrmError):
    """No key, an unknown key or a revoked key: one answer for all three."""

    status = 401
    code = "unauthorized"


class Forbidden(ScrmError):
    """A valid key without the permission that the route names."""

    status = 403
    code = "forbidden"


class Conflict(ScrmError):
    """The request contradicts what is stored."""

    status = 409
    code = "conflict"


class Veto(ScrmError):
    """Raised by a plugin's ``check_*`` hook: refuses the operation and rolls it back.

    ``status`` is 409 by default; pass 422 when the input itself is at fault.
    ``personal`` says that somebody else would not have been refused: the person
    has had their share, say, where a plain one means that there is none.
    """

    status = 409
    code = "vetoed"

    def __init__(self, reason: str, code: str = "vetoed", *, status: int = 409, personal: bool = False) -> None:
        if status not in (409, 422):
            raise ValueError("a veto answers with status 409 or 422")
        super().__init__(reason, code=code)
        self.status = status
        self.personal = personal


class ConfigError(ScrmError):
    """A configuration file that cannot be used; ``problems`` lists every reason."""

    status = 503
    code = "config"

    def __init__(self, message: str, *, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems or (message,)


class PluginError(ScrmError):
    """A plugin that is declared, installed or behaving wrongly."""

    code = "plugin"


class Incomplete(ScrmError):
    """A request about a person that a plugin did not answer in full; nothing was changed."""

    code = "incomplete"


class NoBrand(ScrmError):
    """A query ran outside any brand. There is no default brand on purpose."""

    code = "no_brand"


class CrossBrand(ScrmError):
    """Another brand was touched while a transaction of one brand is open."""

    code = "cross_brand"


class TooMany(ScrmError):
    """Something was tried as often as is allowed for now; ``retry_after`` is in seconds."""

    status = 429
    code = "too_many"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Busy(ScrmError):
    """The database is locked, full or away: try again after ``retry_after`` seconds."""

    status = 503
    code = "busy"

    def __init__(self, message: str, *, retry_after: int = 2, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class NewerSchema(ScrmError):
    """The database was written by a newer version; this one refuses to open it."""

    code = "newer_schema"


class StorageFull(Busy):
    """The disk is full: nothing was written, reading still works."""

    status = 507
    code = "storage_full"
