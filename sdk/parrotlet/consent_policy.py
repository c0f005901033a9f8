"""Whether a profile may speak under a policy about consent, a store's or a bundle's."""

from __future__ import annotations

from parrotlet.errors import ConsentRequired
from parrotlet.profile import ConsentRecord

METHOD = "spoken/1"
"""``ConsentRecord.method`` of a consent that was spoken and checked; see ``parrotlet.consent``."""


def is_spoken(consent: ConsentRecord | None) -> bool:
    """Whether a profile's consent was spoken and checked."""
    return consent is not None and consent.method == METHOD


def require_allowed(policy: str, consent: ConsentRecord | None, foreign: bool, what: str, where: str) -> None:
    """Raise ConsentRequired where a policy ("off", "machine" or "always") does not let a profile speak.

    foreign: it was made on another machine. An unknown policy allows what "always" does.
    """
    if policy == "off" or is_spoken(consent) or (policy == "machine" and not foreign):
        return
    here = " on another machine than the one that made it" if policy == "machine" else ""
    raise ConsentRequired(
        f"{what} has no spoken consent, without which {where} lets none speak{here}: enroll it again with --consent"
    )
