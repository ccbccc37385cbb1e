"""The words of a command line as Hydra gets them: keys in full, and options of sub-axes in a form that a matrix may
hold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ftbench.compile.words import config_dirs
from ftbench.core.cell import AXES
from ftbench.core.errors import Problem, Refused
from ftbench.core.shipped import CONF

_AXIS = "|".join(AXES)
_VALUE = re.compile(rf"(\+\+|\+)?({_AXIS})\.[\w.]+=|~({_AXIS})\.[\w.]+(=|$)")
_SUB_AXIS = re.compile(rf"(({_AXIS})/[\w/]+)=([\w.-]+)")


def in_full(words: Sequence[str]) -> list[str]:
    """Returns the words with every key of an axis in full: ``context.retriever.k1=1.2`` for ``context.k1=1.2``.

    Raises:
        Refused: with one problem for each key that is short for several.
    """
    if not any(_VALUE.match(word) for word in words):
        return list(words)
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.utils import create_config_search_path
    from hydra.errors import HydraException

    from ftbench.compile.groups import Groups

    search_path = create_config_search_path(str(CONF))
    for folder in config_dirs(words):
        search_path.append(provider="command-line", path=f"file://{folder.resolve()}")
    try:
        typed = [word for word in words if word.lstrip("+").startswith("hydra.searchpath")]
        groups = Groups(ConfigLoaderImpl(search_path)._parse_overrides_and_create_caching_repo("config", typed)[1])
    except HydraException:  # Hydra reads the same words again, and then says what is wrong
        return list(words)
    found: list[str] = []
    problems: list[Problem] = []
    for word in words:
        try:
            found.append(groups.spelled(word) if _VALUE.match(word) else word)
        except Refused as refused:
            problems += refused.problems
    if problems:
        raise Refused(problems)
    return found


def swept(words: Sequence[str]) -> list[str]:
    """Returns the words with single options of sub-axes as lists of one.

    Hydra first composes what is the same for the whole matrix, and refuses ``context/retriever=bm25`` there where the
    context that stands in ``config.yaml`` has no retriever. What is swept it leaves to the cells.
    """
    return [f"{match[1]}=choice({match[3]})" if (match := _SUB_AXIS.fullmatch(word)) else word for word in words]
