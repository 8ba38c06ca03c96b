"""Biases that are sums, H[i] = Σ_s C[i, s]·u[s] + ...: the program adds each term once to every output, or it is refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import derive
from derive.algorithms._obligations import program_obligations
from derive.algorithms._structure import adds_bias
from derive.errors import NoLowering
from derive.ir.nodes import Contract, Range
from derive.lowering import lower
from derive.proof.solver import discharge


def test_a_program_that_adds_another_bias_is_refused():
    half = Fraction(1, 2)
    signs = ((1, 1, 1, 1), (1, 1, -1, -1), (1, -1, 1, -1), (1, -1, -1, 1))
    group = derive.MatrixGroup([[[half * v for v in row] for row in signs]])
    form = derive.dense(outputs=4, inputs=4).then(derive.equivariant(group)).form
    program = lower(form, "arrays")
    (node,) = [n for n in program.body if isinstance(n, Contract) and adds_bias(n, form)]

    def refused(*nodes):
        body = tuple(m for n in program.body for m in (nodes if n is node else (n,)))
        try:
            return [o.name for o in program_obligations(replace(program, body=body), form) if not discharge(o).proved]
        except NoLowering as cause:
            return str(cause)

    assert refused(node) == []
    i, s = node.over
    assert refused(replace(node, over=(i, Range(s.symbol, s.start, s.stop - 1)))) == ["denotes"]  # a term dropped
    assert refused(replace(node, over=(Range(i.symbol, i.start, i.stop - 1), s))) == ["denotes"]  # a place left out
    (u, C) = sorted(node.factors, key=lambda f: len(f.subscripts))
    turned = replace(C, subscripts=C.subscripts[::-1])
    assert "denotes" in refused(replace(node, factors=(u, turned)))
    assert "another bias than its form has" in refused(replace(node, factors=(C, C)))
    assert "adds a bias that is a sum once" in refused()
    assert "adds a bias that is a sum once" in refused(node, node)
