"""What a person wrote, without markup (section 4.6 of the format reference, steps 3 to 7)."""

from skype_assets.etl.content.rich_text import rich_text


def plain_text(markup: str) -> str:
    r"""Return the text of a ``RichText`` content; clean (see ``cleaning``) if the markup is.

    ``plain_text(s) == s`` for every ``s`` without ``<``, ``&`` and ``\r\n`` that neither begins nor ends with a blank
    (``s == s.strip()``): the caller need not call it for those.
    """
    return rich_text(markup).text
