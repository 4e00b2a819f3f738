"""What can go wrong when a cluster is asked, each kind of failure told from the others."""

from __future__ import annotations

from enum import Enum

from driftgate.errors import DriftgateError

__all__ = ["ApiError", "Why"]


class Why(Enum):
    """Why there is no answer; the value is what a person reads."""

    CREDENTIALS = "no credentials"
    UNREACHABLE = "not reachable"
    TLS = "TLS failure"
    TIMEOUT = "no answer in time"
    CUT_SHORT = "answer cut short"
    UNAUTHORIZED = "not logged in"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    NOT_SERVED = "kind not served"
    EXPIRED = "list expired"
    BUSY = "server is busy"
    REFUSED = "refused"
    SERVER = "server error"
    FOREIGN = "no Kubernetes answer"

    @classmethod
    def of_status(cls, status: int) -> Why:
        """What an HTTP status means when the API server sends it (Kubernetes: API concepts, HTTP status codes)."""
        known = {
            401: cls.UNAUTHORIZED,
            403: cls.FORBIDDEN,
            404: cls.NOT_FOUND,
            410: cls.EXPIRED,
            429: cls.BUSY,
            503: cls.BUSY,
            504: cls.TIMEOUT,
        }
        # A server that sends us elsewhere is a login page's, not an API server.
        others = {3: cls.FOREIGN, 4: cls.REFUSED}
        return known.get(status, others.get(status // 100, cls.SERVER))


class ApiError(DriftgateError):
    """A question that a cluster did not answer.

    `asked` is the method and the path, `status` the HTTP status (0 where no answer came), `message` the words of the
    server or of the network. None of them holds a credential, but what the server says is untrusted text.
    """

    def __init__(self, why: Why, asked: str, message: str, status: int = 0) -> None:
        self.why = why
        self.asked = asked
        self.message = message
        self.status = status
        # All of it as arguments: a failure passes through pickle and copy unchanged.
        super().__init__(why, asked, message, status)

    def __str__(self) -> str:
        return f"{self.asked}: {self.words}"

    @property
    def words(self) -> str:
        """The failure without the question: `forbidden (403): pods is forbidden: …`."""
        status = f" ({self.status})" if self.status else ""
        return f"{self.why.value}{status}: {self.message}"
