import pytest

from auditor.bundle.signing import CONTEXT, Signature, signature_file
from auditor.secrets.signing import BadKey, PublicKey, Signer, new_key


def test_a_signature_fits_its_manifest_and_no_other() -> None:
    signer = Signer.read(new_key())
    signature = Signature.read(signature_file(signer, b"manifest")).signature
    assert signer.public.accepts(signature, CONTEXT, b"manifest")
    assert not signer.public.accepts(signature, CONTEXT, b"manifesto")
    assert not signer.public.accepts(b"", CONTEXT, b"manifest")


def test_a_signature_of_something_else_is_none_of_a_bundle() -> None:
    signer = Signer.read("33" * 32)
    assert not signer.public.accepts(signer.key.sign(b"manifest"), CONTEXT, b"manifest")


def test_known_keys_give_the_public_key_of_the_standard() -> None:
    """RFC 8032, section 7.1, test 1."""
    signer = Signer.read("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert signer.public == PublicKey.read(public + "\n")
    assert signer.public.id.startswith("ed25519:")
    assert len(signer.public.id) == 24


@pytest.mark.parametrize("text", ["", "zz", "11" * 31, "11" * 33])
def test_what_is_no_key_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(BadKey, match="64 hexadecimal digits"):
        PublicKey.read(text)
    with pytest.raises(BadKey, match="keygen"):
        Signer.read(text)
