"""The reference, made from the objects: rules, names, errors, commands and the catalogue's gallery.

A page holds a line `<!-- made: rules -->`; what stands there instead on the site comes from here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from textwrap import dedent
from typing import Any

from sphinx.application import Sphinx

__all__ = ["MADE", "commands", "errors", "gallery", "kernels", "pages", "rules", "setup", "structures", "winograd"]

_MARK = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)
_ROW = re.compile(r"^\| \[(\w+)\]\(\w+\.md\): (.*?) \| `(.*?)` \| (.*?) \| (.*?) \|$", re.MULTILINE)
_THUMBNAIL = re.compile(r'<img src="(\S+)" width="150" alt="([^"]*)">')


def _signature(thing: Any) -> str:
    """How it is called; empty for what isn't."""
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return ""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)  # annotations are texts
    text = text.removesuffix(" -> None") if inspect.isclass(thing) else text
    text = re.sub(r"\b(collections\.abc|derive(\.\w+)*)\.(?=[A-Z])", "", text).replace("<factory>", "...")
    return re.sub(r"\(self(, )?", "(", text)


def _source(thing: Any) -> list[str]:
    """Its text, folded, beneath the name of its file."""
    file = Path(inspect.getsourcefile(thing) or "")
    parts = file.parts[len(file.parts) - 1 - file.parts[::-1].index("derive") :]
    text = inspect.getsource(thing).rstrip()
    return [
        "<details>",
        f"<summary>Source: {'/'.join(parts)}</summary>",
        "",
        "`````python",
        text,
        "`````",
        "",
        "</details>",
        "",
    ]


def _described(kind: str, name: str, thing: Any, depth: int = 0, source: Any = None) -> list[str]:
    """An entry of the reference: its signature, its docstring, which is Markdown, and whose source belongs to it."""
    fence = ":" * (6 - depth)
    call = "" if kind == "property" else _signature(thing)
    doc = "\n".join(_paragraph(part) for part in (inspect.getdoc(thing) or "").split("\n\n"))
    members = list(_members(thing)) if kind == "class" else []
    whole = _source(source) if source is not None else []
    return [f"{fence}{{py:{kind}}} {name}{call}", "", _doctests(doc), "", *members, *whole, fence, ""]


def _doctests(doc: str) -> str:
    """The text with its examples fenced."""
    return re.sub(
        r"(?:^>>> .*\n?(?:^(?!>>>|\n).+\n?)*)+", lambda m: f"\n```pycon\n{m[0].rstrip()}\n```\n", doc, flags=re.M
    )


def _members(owner: type) -> Iterator[str]:
    """What an object of the class has and does, that says so."""
    for name, thing in vars(owner).items():
        called = name == "__call__" and inspect.isfunction(thing)
        if (name.startswith("_") and not called) or not getattr(thing, "__doc__", None):
            continue
        if inspect.isfunction(thing):
            yield from _described("method", name, thing, depth=1)
        elif isinstance(thing, property) or hasattr(thing, "func"):
            yield from _described("property", name, thing, depth=1)
        elif isinstance(thing, classmethod):
            yield from _described("method", name, thing.__get__(None, owner), depth=1)


def rules() -> Iterator[str]:
    """A chapter for each rule: kind, statement, what it says, how it is called, and what it refuses."""
    from importlib import import_module

    from derive.forms.equation import formula
    from derive.registry import discover

    for name, rule in discover("derive.rules"):
        kinds = " or ".join(kind.value for kind in rule.kinds)
        yield from (f"(rule-{name})=", "", f"## {name}", "", f"**{kinds.capitalize()}.** {rule.headline}", "")
        yield from ("```text", _in_lines(rule.statement), "```", "")
        yield from (_paragraph(part) for part in rule.module_doc.split("\n\n")[2:])
        yield from _described("function", f"derive.{name}", rule)
        module = import_module(f"derive.rules.{name}")
        case, other = module.EXAMPLE, module.COUNTEREXAMPLE
        yield from (f"`{case.application}` of `{_in_line(formula(case.form))}` is proved, by a test;", "")
        yield from (
            f"`{other.application}` of `{_in_line(formula(other.form))}` is refused, with `{other.residue}`.",
            "",
        )
        yield from _source(rule.rewrite)


def _in_lines(statement: str) -> str:
    """The statement; after ⟶, and what it holds for, on lines of their own."""
    return re.sub(r" {3,}⟶", "\n  ⟶", re.sub(r" {6,}", "\n    ", statement))


def _in_line(text: str) -> str:
    """A formula within a sentence."""
    return re.sub(r" {3,}", ", ", text)


def _paragraph(text: str) -> str:
    """A paragraph of a docstring; what it sets in columns are words and what they mean."""
    rows = re.split(r"\n(?=\S)", dedent(text))
    pairs = [re.match(r"(\S+(?: \S+)*) {3,}(\S.*)", row, re.DOTALL) for row in rows]
    if not all(pairs):
        return f"```text\n{dedent(text)}\n```\n" if any(pairs) else f"{text}\n"
    return "\n".join(_meaning(*pair.groups()) for pair in pairs if pair)


def _meaning(words: str, text: str) -> str:
    """An entry of a list of definitions."""
    return f"{', '.join(f'`{word}`' for word in words.split(', '))}\n: {' '.join(text.split())}\n"


def structures() -> Iterator[str]:
    """Every other public name of `derive`, and those of its modules of further groups and of symmetries under a stride."""
    import derive
    from derive.rules._rule import Rule

    found = [(name, getattr(derive, name)) for name in derive.__all__]
    for module in (derive.finite, derive.symmetry):
        more = ((name, getattr(module, name)) for name in module.__all__)
        found += [
            (f"{module.__name__}.{name}".removeprefix("derive."), o)
            for name, o in more
            if all(o is not t for _, t in found)
        ]
    kinds: tuple[tuple[str, Callable[[Any], bool]], ...] = (
        ("Functions", inspect.isfunction),
        ("Classes", lambda thing: inspect.isclass(thing) and not issubclass(thing, Exception)),
    )
    for title, holds in kinds:
        yield from (f"## {title}", "")
        for name, thing in found:
            if holds(thing) and not isinstance(thing, Rule):
                kind = "class" if inspect.isclass(thing) else "function"
                yield from _described(kind, f"derive.{name}", thing, source=thing)


def kernels() -> Iterator[str]:
    """What a kernel, its plans for a processor and for a device, and a plan's explanation have and do."""
    from derive import runtime
    from derive.runtime.device_plan import DevicePlan
    from derive.runtime.plan import Explanation, Plan

    for thing in (runtime.Dispatcher, runtime.Kernel, Plan, DevicePlan, Explanation):
        yield from (f"## {thing.__name__}", "")
        made = type("Made", (), {"__doc__": thing.__doc__})  # nobody makes one by hand, so how is left out
        whole = _described("class", thing.__name__, made)
        whole[0] = f"::::::{{py:class}} {thing.__name__}"
        yield from (*whole[:-2], *_members(thing), *whole[-2:])


def errors() -> Iterator[str]:
    """Every class of refusal, of derivations and of kernels."""
    from derive import errors as own
    from derive.runtime import errors as of_kernels

    for title, module in (("Of derivations", own), ("Of kernels", of_kernels)):
        yield from (f"## {title}", "", "| error | is a | what it says |", "|---|---|---|")
        for name, thing in ((name, getattr(module, name)) for name in module.__all__):
            if not inspect.isclass(thing):
                continue
            says = " ".join((thing.__doc__ or "").split())
            yield f"| `{name}` | `{thing.__mro__[1].__name__}` | {says} |"
        yield ""


def commands() -> Iterator[str]:
    """The command line's own help, a chapter a command."""
    import click

    from derive.__main__ import cli

    with click.Context(cli, info_name="python -m derive", help_option_names=["-h", "--help"]) as top:
        yield from _helped(top)
        yield from (
            f"- [`{name}`](#{name}): {one.get_short_help_str(200)}" for name, one in sorted(cli.commands.items())
        )
        for name, command in sorted(cli.commands.items()):
            with click.Context(command, info_name=name, parent=top) as context:
                yield from ("", f"## {name}", "", *_helped(context))


def _helped(context: Any) -> Iterator[str]:
    """What a command says of itself: how it is called, what it does, and its options."""
    command = context.command
    yield from ("```text", f"{context.command_path} {' '.join(command.collect_usage_pieces(context))}", "```", "")
    for part in dedent(inspect.cleandoc(command.help)).split("\n\n"):
        kept = part.removeprefix("\b\n")  # click's mark of what is not to be wrapped
        yield from ((kept, "") if kept == part else ("```text", kept, "```", ""))
    options = (each for each in command.get_params(context) if each.param_type_name == "option")
    for names, says in (each.get_help_record(context) for each in options if "--help" not in each.opts):
        yield from (f"`{names}`", f": {says}", "")


def gallery(docs: Path) -> Iterator[str]:
    """A card for each layer of the catalogue: the picture of its last W, its title, formula and counts."""
    folder = docs / "derivations"
    yield from (":::::{container} gallery", "")
    for found in _ROW.finditer((folder / "README.md").read_text(encoding="utf-8")):
        name, title, formula, weights, biases = (cell.replace("\\|", "|") for cell in found.groups())
        pictures = _THUMBNAIL.findall((folder / f"{name}.md").read_text(encoding="utf-8"))
        yield from ("::::{container} card-of-layer", "")
        if pictures:
            file, says = pictures[-1]
            yield from (f"![{unescape(says)}](../derivations/{file})", "")
        yield from (f"[{name}](../derivations/{name}.md): {title}", "", f"`{formula}`", "")
        yield from (_counted(weights, biases), "", "::::", "")
    yield from (":::::", "")


def _counted(weights: str, biases: str) -> str:
    """The counts of a row of the table as a sentence."""
    number, *condition = re.findall(r"`(.*?)`", weights)
    bias = biases.strip("`")
    held = [f"{number} free weight{'s' * (number != '1')}", f"{bias} bias{'es' * (bias != '1')}"]
    return f"{', '.join(held)}{''.join(f'; when {part}' for part in condition)}"


def winograd() -> Iterator[str]:
    """The data flow of F(2, 3), from the matrices that its kernels are made of."""
    from flows import flow

    from derive.algorithms._bilinear.toom_cook import toom_cook

    found = toom_cook(2, 3)
    drawn = flow(found, "The data flow of F(2, 3): two results of a window of three, by four products")
    yield drawn
    yield ""


def pages(docs: Path) -> Iterator[str]:
    """The catalogue's pages, by the layers' names."""
    names = _ROW.findall((docs / "derivations" / "README.md").read_text(encoding="utf-8"))
    yield from ("```{toctree}", ":hidden:", "", "as a table <../derivations/README>")
    yield from (f"{name} <../derivations/{name}>" for name, *_ in names)
    yield from ("```", "")


MADE: dict[str, Callable[[Path], Iterator[str]]] = {
    "commands": lambda docs: commands(),
    "errors": lambda docs: errors(),
    "gallery": gallery,
    "pages": pages,
    "kernels": lambda docs: kernels(),
    "rules": lambda docs: rules(),
    "structures": lambda docs: structures(),
    "winograd": lambda docs: winograd(),
}


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = _MARK.sub(lambda found: "\n".join(MADE[found[1]](Path(app.srcdir))), source[0])


def _made(app: Sphinx, environment: Any, *_: set[str]) -> list[str]:
    """The pages with marks: what they show may have changed although they haven't."""
    texts = ((page, Path(environment.doc2path(page))) for page in environment.found_docs)
    return [page for page, file in texts if file.suffix == ".md" and _MARK.search(file.read_text(encoding="utf-8"))]


def setup(app: Sphinx) -> dict[str, Any]:
    """Marks are replaced as pages are read, which they are in every build."""
    app.connect("env-get-outdated", _made)
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
