"""Every mutant still fits the code: its text is there once and its test exists. ``make mutants`` runs them."""

from __future__ import annotations

import ast

import pytest

from tests.conftest import ROOT
from tests.mutants.__main__ import Mutant, mutants


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_mutant_fits_the_code(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.find) == 1
    path, _, name = mutant.test.partition("::")
    functions = {
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert name.partition("[")[0].split("::")[-1] in functions
