"""What notebooks show: well-formed HTML and balanced LaTeX of forms, steps, derivations, certificates and plans."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from derive.derivation import dense
from derive.proof.certificate import dumps, verify
from derive.render.notebook import step_html
from derive.rules.local import local
from derive.rules.reindex import reindex
from derive.runtime.costs import Counted
from derive.runtime.explanation import Explanation
from derive.runtime.planning import Candidate, Choice
from tests.render.test_pages import balanced

VOID = {"br", "img", "hr", "wbr"}


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def read(html):
    """The text of HTML in which every tag is closed in order."""
    reader = _Tags()
    reader.feed(html)
    assert reader.open == [] and reader.wrong == []
    return "".join(reader.text).replace("\xa0", " ")


@pytest.mark.parametrize("html", ["<p>", "<p><b></p></b>", "</p>"])
def test_the_helper_refuses_tags_out_of_order(html):
    with pytest.raises(AssertionError):
        read(html)


def test_a_derivation_shows_each_step_with_counts_and_proofs(layers):
    layer = layers["conv2d"]
    text = read(layer._repr_html_())
    assert 'local("Delta")restriction' in text and "(2Δ + 1)²" in text
    assert f"Obligations: {len(layer.verdicts)} of {len(layer.verdicts)} proved" in text
    latex = layer._repr_latex_()
    assert latex.startswith("$\\begin{aligned}") and balanced(latex.strip("$")) and latex.count(r"\\") == 4


def test_a_step_marks_what_changes(layers):
    step = layers["conv2d"].steps[1]
    marked = ["U[i, j]", "V[i, j, a, b]", "u", "V[a, b]"]  # each in one line
    assert re.findall("<mark>(.*?)</mark>", step._repr_html_()) == [text.replace(" ", "\xa0") for text in marked]
    assert "moving the input" in read(step._repr_html_()).lower()
    assert balanced(step._repr_latex_().strip("$")) and r"\underline{\mathsf{u}}" in step._repr_latex_()


def test_what_is_less_than_something_is_no_tag():
    step = dense(rank=1).then(reindex()).then(local("Delta")).steps[0]
    assert "0 ≤ i + a < n" in read(step_html(step))


def test_a_form_is_its_equation(layers):
    assert layers["dense2d"].form._repr_latex_() == (
        r"$\displaystyle \mathsf{H}_{i, j} = \mathsf{U}_{i, j} + "
        r"\sum_{k} \sum_{l} \mathsf{W}_{i, j, k, l} \mathsf{X}_{k, l}$"
    )


def test_a_certificate_shows_its_steps_and_is_data_still(layers):
    made = layers["fully_connected"].certificate()
    assert "derive certificate 1, made with" in read(made._repr_html_())
    assert json.loads(dumps(made)) == made
    proved = verify(made)
    assert "First form" in read(proved._repr_html_()) and "First form" in read(proved.theorem._repr_html_())


def test_a_plan_shows_its_candidates_and_why_others_do_not_apply(layers):
    kernel = layers["fully_connected"].compile()
    plan = kernel.plan((3,), np.ones((2, 3)), np.zeros(2), dtype=float)
    text = read(plan._repr_html_())
    assert repr(plan) in text and "is predicted to be the quickest" in text and "does not apply" in text


def test_an_explanation_without_refusals_folds_nothing_away():
    candidate = Candidate(Choice(None, {}), 0.0, Counted(0, 0, 0), 0)
    made = Explanation("direct", (candidate,), (0.0,), {}, 0, "", "guessed")
    assert "details" not in made._repr_html_()
