"""`auditor bundle`: create keys that sign evidence bundles, and verify bundles."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import output
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.errors import ExitCode
from auditor.plain_text import printable

if TYPE_CHECKING:
    from auditor.secrets.signing import PublicKey

MAX_VALUE_WIDTH = 200
"""Maximum columns of a value from a bundle: a longer one could push the rest out of sight."""
_KEY = re.compile(r"[0-9a-fA-F]{64}")

app = typer.Typer(
    no_args_is_help=True,
    help="Evidence bundles: create the key that signs them, and verify them. "
    "Write one with: auditor report --format bundle --output run.zip"
    "\n\nExample: **auditor bundle verify run.zip --public-key auditor.pub**",
)


@app.command()
def keygen(
    output_: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the public key here as well."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the existing key by a new one.")
    ] = False,
) -> None:
    """Create the key that signs bundles. The private half stays in the keyring.

    If AUDITOR_SIGNING_KEY is set, that key signs: none is generated, and its public half is
    printed. Send the public half to those who verify through a separate channel.

    Example: **auditor bundle keygen --output auditor.pub**
    """
    from auditor.app.signed_runs import bundle_signer
    from auditor.config import settings as config
    from auditor.secrets import keys
    from auditor.secrets.signing import PublicKey, Signer, new_key

    settings = config.load()
    configured = bundle_signer(settings) if settings.signing_key else None
    if configured is not None:
        if replace:
            raise ConfigError(
                "AUDITOR_SIGNING_KEY is set, and signs. For a new key give it 64 other random "
                "hexadecimal digits (openssl rand -hex 32), or unset it."
            )
        _report_public_key(configured.public, output_)
        return
    known = keys.load_key(keys.PUBLIC_KEY)
    if known is not None and not replace:
        raise ConfigError(
            f"There is a key already, {PublicKey.read(known).id}, with the public half {known}. "
            "To sign with another one from now on: auditor bundle keygen --replace"
        )
    if output_ is not None:
        output.refuse_to_replace(output_)  # before creating a key that would be lost
    private = new_key()
    public = Signer.read(private).public
    if not (
        keys.save_key(keys.SIGNING_KEY, private) and keys.save_key(keys.PUBLIC_KEY, public.text)
    ):
        raise keys.KeyUnavailable(
            "This machine has no keyring that keeps a key. Set up the operating system's keyring, "
            "or set AUDITOR_SIGNING_KEY to 64 random hexadecimal digits: openssl rand -hex 32"
        )
    _report_public_key(public, output_)


def _report_public_key(public: "PublicKey", path: Path | None) -> None:
    """Print the public key, and write it to `path` if there is one."""
    if path is not None:
        output.refuse_to_replace(path)
        output.write_bytes(path, f"{public.text}\n".encode())
    typer.echo(f"Key {public.id}. Bundles are signed with it from now on.")
    typer.echo(f"Public key: {public.text}")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The bundle.", metavar="FILE")],
    public_key: Annotated[
        str | None,
        typer.Option(
            "--public-key",
            metavar="HEX|FILE",
            help="The public key that must have signed it: 64 hexadecimal digits, or the path of a "
            "file that holds them.",
        ),
    ] = None,
    public_key_file: Annotated[
        Path | None,
        typer.Option(
            "--public-key-file",
            metavar="FILE",
            help="A file that holds this key, whatever its name.",
        ),
    ] = None,
    require_signature: Annotated[
        bool,
        typer.Option("--require-signature", help="Exit with 1 if the bundle is not signed."),
    ] = False,
) -> None:
    """Check that a bundle is byte for byte unchanged. Unpacks nothing to disk.

    Exit codes: 0 unchanged, 1 altered, or not signed although required, 2 not a bundle.

    Example: **auditor bundle verify run.zip --public-key auditor.pub**
    """
    from auditor.bundle.verifying import NotABundle, TamperedBundle
    from auditor.bundle.verifying import verify as verified
    from auditor.report.display import shorten
    from auditor.secrets.signing import BadKey, PublicKey

    try:
        key = _key_text(public_key, public_key_file)
        trusted = None if key is None else PublicKey.read(key)
        with file.open("rb") as opened:
            verified_bundle = verified(opened, trusted)
    except (BadKey, NotABundle) as error:
        raise ConfigError(
            f"{file}: {error}" if isinstance(error, NotABundle) else str(error)
        ) from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    except TamperedBundle as error:
        typer.echo(f"ALTERED: {printable(str(error))}")
        raise typer.Exit(ExitCode.DEVIATIONS) from None
    manifest = verified_bundle.manifest
    typer.echo(f"Every byte of {len(manifest.parts)} parts is as the manifest says.")
    for part in manifest.parts:
        typer.echo(f"  {part.sha256}  {part.name}, {part.size:,} bytes")
    run = manifest.run
    run_id, account = shorten(run.id, MAX_VALUE_WIDTH), shorten(run.account_id, MAX_VALUE_WIDTH)
    Terminal().print(
        f"Run {run_id} of account {account}, finished {shorten(run.finished_at, MAX_VALUE_WIDTH)}"
    )
    Terminal().print(f"Evidence {shorten(manifest.evidence_digest, MAX_VALUE_WIDTH)}")
    if verified_bundle.signer is None:
        typer.echo("NOT SIGNED: anybody could have written it. Only its parts were checked.")
    elif verified_bundle.trusted:
        typer.echo(f"Signed with the key given, {verified_bundle.signer.id}.")
    else:
        Terminal().print(
            f"It says it was signed with {verified_bundle.signer.id}, and the signature fits. "
            "Whose key that is was not checked: only that nothing was altered since. Name the key "
            "you know with --public-key."
        )
    if require_signature and verified_bundle.signer is None:
        raise typer.Exit(ExitCode.DEVIATIONS)


def _key_text(text: str | None, path: Path | None) -> str | None:
    """The key on the command line; None if there is none. Text in the form of a key is a key.

    Raises:
        ConfigError: there are two keys, or a file cannot be read.
    """
    if text is not None and path is not None:
        raise ConfigError("--public-key and --public-key-file name a key each. Leave one out.")
    if text is not None:
        if _KEY.fullmatch(text.strip()):
            return text
        path = Path(text)
    if path is None:
        return None
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{printable(str(path))} cannot be read as a public key. Name a file that holds one, "
            "or give its 64 hexadecimal digits."
        ) from error
