"""Every channel learns what it should: no name becomes markup and no secret leaves."""
