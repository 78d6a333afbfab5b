"""An evidence bundle is whole and unaltered, or the verifier names the part that is not."""
