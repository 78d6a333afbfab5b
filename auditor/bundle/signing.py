"""The signature of a bundle: a small JSON file next to the manifest."""

import json
from dataclasses import dataclass

from auditor.secrets.signing import BadKey, PublicKey, Signer

CONTEXT = b"auditor/bundle/v1\n"
"""Prefix of the signed bytes, so that no other signature is accepted as one of a bundle."""
LONGEST = 4096
"""Maximum size of a signature file, in bytes."""


def signature_file(signer: Signer, manifest: bytes) -> bytes:
    """The signature file for a manifest."""
    return Signature(signer.public, signer.sign(CONTEXT, manifest)).written()


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, and the public key it claims."""

    public: PublicKey
    signature: bytes

    @classmethod
    def read(cls, content: bytes) -> "Signature":
        """Parse a signature file.

        Raises:
            BadKey: it is not a signature, or not in the exact form that `written` produces.
        """
        try:
            fields = json.loads(content)
            result = cls(PublicKey.read(fields["public_key"]), bytes.fromhex(fields["signature"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadKey("it is not a signature") from error
        if result.written() != content:
            raise BadKey("it was altered")
        return result

    def written(self) -> bytes:
        """The bytes of the signature file."""
        fields = {
            "algorithm": "ed25519",
            "key_id": self.public.id,
            "public_key": self.public.text,
            "signature": self.signature.hex(),
        }
        return (json.dumps(fields, indent=1) + "\n").encode()
