"""Parts of README.md that commands write, each between two marks."""


def replaced(page: str, mark: str, block: str) -> str:
    """A page with another block between two marks.

    Args:
        page: The text of README.md.
        mark: The word in the marks: the block stands between the lines `<!-- mark: begin -->` and `<!-- mark: end -->`.
        block: Whole lines.

    Returns:
        The page.

    Raises:
        ValueError: A mark is missing.
    """
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    before, found_begin, rest = page.partition(f"{begin}\n")
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"README.md: the lines {begin} and {end} are missing; put them back.")
    return f"{before}{begin}\n{block}{end}{after}"
