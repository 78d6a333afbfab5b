"""The signature of a bundle: a small JSON file beside the manifest."""

import json
from dataclasses import dataclass

from auditor.signing import BadKey, PublicKey, Signer

CONTEXT = b"auditor/bundle/v1\n"
"""Signed before the manifest, so that no signature of something else passes for one of a bundle."""
LONGEST = 4096
"""Bytes of a signature file."""


def signature_file(signer: Signer, manifest: bytes) -> bytes:
    """The signature file for a manifest."""
    return Signature(signer.public, signer.sign(CONTEXT, manifest)).written()


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, and the key that is said to have made it."""

    public: PublicKey
    signature: bytes

    @classmethod
    def read(cls, content: bytes) -> "Signature":
        """The signature in a file.

        Raises:
            BadKey: it is none, or not as `written` writes it.
        """
        try:
            told = json.loads(content)
            found = cls(PublicKey.read(told["public_key"]), bytes.fromhex(told["signature"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadKey("it is no signature") from error
        if found.written() != content:
            raise BadKey("it is not as it was written")
        return found

    def written(self) -> bytes:
        """The signature file."""
        told = {
            "algorithm": "ed25519",
            "key_id": self.public.id,
            "public_key": self.public.text,
            "signature": self.signature.hex(),
        }
        return (json.dumps(told, indent=1) + "\n").encode()
