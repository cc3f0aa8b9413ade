"""The check of a copy (文案检查): everything that a platform or the law would refuse, before anything is sent.

Problems stop a copy, warnings do not: they name what platforms usually refuse
in their review, which an account may have been allowed.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scrm_core.api import Invalid

from .rules import CopyRules
from .segments import Size, size_of
from .template import BRACKETS, KINDS, LINK, VARIABLE, Copy, Renderer, Variable, is_name, visible
from .words import MARKETING_WORDS, OTHER_OPT_OUTS, SHORT_DOMAINS

PLATFORM_CHARACTERS = 500
"""Characters at which a large platform cuts the whole message off."""

_MOST_TEXT = 2_000
_ADJACENT = re.compile(r"\}\s*\{")
_MOBILE = re.compile(r"(?<![0-9])(?:86)?1[3-9][0-9]{9}(?![0-9])")
_BARE = re.compile(r"[\W_]+")
_APART = "\u01c2"  # a letter that no word has: keeps what stands around a variable apart


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a copy: a stable word, what it is, and what to do about it."""

    code: str
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class CopyCheck:
    """What a check found. ``longest`` is the size of the text at its longest, None when it cannot be written."""

    problems: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    longest: Size | None

    @property
    def ok(self) -> bool:
        """Whether the copy may be used."""
        return not self.problems

    def refuse(self) -> None:
        """Raise Invalid with the first problem, when there is one."""
        if self.problems:
            first = self.problems[0]
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            raise Invalid(f"{first.text}; {first.fix}{more}", field="copy", code=first.code)


def check_copy(copy: Copy, variables: Sequence[Variable], rules: CopyRules) -> CopyCheck:
    """Check a copy against the rules; ``variables`` are those that the caller can fill."""
    if copy.kind not in KINDS:
        raise Invalid(f"a copy is {', '.join(KINDS)}, not {copy.kind!r}", field="kind")
    problems = [*_signature(copy, rules), *_characters(copy, rules), *_braces(copy, variables), *_opt_out(copy, rules)]
    warnings = [*_variables(copy), *_links(copy), *_personal(copy), *_notice(copy)]
    for level, found in _words(copy, rules):
        (problems if level == "refuse" else warnings).append(found)
    longest = None
    if not any(each.code in ("unknown_variable", "braces", "length") for each in problems):
        longest, length = _longest(copy, variables, rules)
        if longest.parts > rules.most_parts:
            text = f"the text takes {longest.parts} parts at its longest; at most {rules.most_parts} are allowed"
            problems.append(Finding("parts", text, "shorten the text or the variables"))
        elif length > PLATFORM_CHARACTERS and rules.mode == "china":
            text = f"the text has up to {length} characters; platforms cut at {PLATFORM_CHARACTERS}"
            warnings.append(Finding("platform_length", text, "shorten the text"))
    return CopyCheck(tuple(problems), tuple(warnings), longest)


def _longest(copy: Copy, variables: Sequence[Variable], rules: CopyRules) -> tuple[Size, int]:
    text = Renderer(Copy("notice", copy.signature, copy.body), variables, rules).longest()
    return size_of(text, rules.mode), len(text)


def _signature(copy: Copy, rules: CopyRules) -> Iterator[Finding]:
    signature, (least, most) = copy.signature, rules.signature
    if any(bracket in signature for bracket in BRACKETS):
        yield Finding("signature_brackets", "the signature has brackets", "write the name alone; 【】 are added")
    if not least <= len(signature) <= most:
        text = f"the signature has {len(signature)} characters; {least} to {most} are allowed"
        yield Finding("signature_length", text, "write the registered signature (签名)")
    if signature != signature.strip() or any(mark in signature for mark in "{}") or not all(map(visible, signature)):
        text = "the signature has spaces around it, braces or invisible characters"
        yield Finding("signature_character", text, "write the name alone, with no variables")
    refused = [mark for mark in rules.refused if mark in signature]
    if refused:
        yield Finding("signature_character", f"the signature contains {refused[0]}", "platforms refuse it: take it out")


def _characters(copy: Copy, rules: CopyRules) -> Iterator[Finding]:
    body = copy.body
    if not body.strip():
        yield Finding("empty", "the text is empty", "write what the message says")
    if len(body) > _MOST_TEXT:
        yield Finding("length", f"the text has {len(body)} characters, more than {_MOST_TEXT}", "shorten the text")
    hidden = next((mark for mark in body if not visible(mark)), None)
    if hidden is not None:
        what = "a lone surrogate" if "\ud800" <= hidden <= "\udfff" else "an invisible or control character"
        text = f"{what} (U+{ord(hidden):04X}) at position {body.index(hidden) + 1}"
        yield Finding("character", text, "take it out; a message is one line of visible text")
    if any(bracket in body for bracket in BRACKETS):
        text = "the text contains brackets 【】 or [], which mark a signature"
        yield Finding("brackets", text, "use （） or 「」; 【signature】 is added in front")
    for mark in rules.refused:
        if mark in body:
            yield Finding("refused_character", f"the text contains {mark}", "platforms refuse it: write it in words")


def _braces(copy: Copy, variables: Sequence[Variable]) -> Iterator[Finding]:
    known = [LINK, *(each.name for each in variables)]
    for name in dict.fromkeys(copy.variables):
        if name in known:
            continue
        close = difflib.get_close_matches(name.strip().lower(), known, n=1, cutoff=0.5)
        if close:
            fix = f"did you mean {{{close[0]}}}?"
        else:
            fix = "known are " + ", ".join(f"{{{each}}}" for each in known)
        what = "is not known" if is_name(name) else "is not the name of a variable"
        text = f"variable {{{name[:30]}}} {what}"
        yield Finding("unknown_variable", text, fix)
    rest = VARIABLE.sub("", copy.body)
    if "{" in rest or "}" in rest:
        yield Finding("braces", "a brace is opened or closed alone", "write a variable as {name}")
    if "${" in copy.body:
        text = "the text has a platform's placeholder ${...}"
        yield Finding("placeholder", text, "write {name}; the gateway translates it")


def _opt_out(copy: Copy, rules: CopyRules) -> Iterator[Finding]:
    body, wording = copy.body.strip(), rules.opt_out
    others = [other for other in OTHER_OPT_OUTS if other in body and other not in wording]
    if not copy.needs_opt_out:
        if wording in body or others:
            text = f"a notice must not contain an opt-out wording ({wording if wording in body else others[0]})"
            yield Finding("opt_out_in_notice", text, "take it out, or make the copy a marketing one")
        return
    if not copy.body.endswith(wording):
        text = f"a {copy.kind} text must end with {wording}"
        yield Finding("opt_out_missing", text, f"write {wording} at the end of the text")
    if body.count(wording) > 1:
        yield Finding("opt_out_twice", f"{wording} stands {body.count(wording)} times", "keep the one at the end")
    elif others:
        yield Finding("opt_out_other", f"{others[0]} is no accepted wording", f"use {wording} alone")


def _variables(copy: Copy) -> Iterator[Finding]:
    if _ADJACENT.search(copy.body):
        text = "two variables stand side by side"
        yield Finding("adjacent_variables", text, "put words between them: platforms refuse it")
    if copy.variables and not _BARE.sub("", VARIABLE.sub("", copy.body)):
        yield Finding("all_variables", "the text has variables only", "write fixed words: platforms refuse it")


def _links(copy: Copy) -> Iterator[Finding]:
    count = copy.variables.count(LINK)
    if count == 0 and copy.needs_opt_out:
        yield Finding("no_link", "the text has no {link}, so nobody can follow it", "write {link} where it belongs")
    if count > 1:
        yield Finding("many_links", f"{{link}} stands {count} times", "keep one: visits are counted per link")
    if re.search(r"\{link\}[^\s]", copy.body):
        text = "no space behind {link}: phones take what follows as part of the address"
        yield Finding("link_spacing", text, "put a space behind {link}")
    for domain in SHORT_DOMAINS:
        if re.search(rf"(?<![\w.-]){re.escape(domain)}(?![\w.-])", copy.body.lower()):
            yield Finding("short_domain", f"carriers filter links of {domain}", "use {link}, on your own domain")


def _personal(copy: Copy) -> Iterator[Finding]:
    digits = re.sub(r"(?<=[0-9])[\s-]+(?=[0-9])", "", unicodedata.normalize("NFKC", copy.body))
    if _MOBILE.search(digits):
        text = "the text contains a mobile number"
        yield Finding("mobile_number", text, "platforms refuse personal numbers: take it out")
    if any(mark > "\uffff" for mark in copy.body):
        yield Finding("emoji", "the text contains an emoji", "platforms mostly refuse it, and it counts twice")


def _notice(copy: Copy) -> Iterator[Finding]:
    found = [word for word in MARKETING_WORDS if word in copy.body] if copy.kind == "notice" else []
    if found:
        text = f"a notice must not carry marketing ({', '.join(found)})"
        yield Finding("marketing_in_notice", text, "make it a marketing copy, with consent and opt-out wording")


def _words(copy: Copy, rules: CopyRules) -> Iterator[tuple[str, Finding]]:
    """Sensitive words with what each does; spaces, signs and widths between do not hide one."""
    text = _plain(VARIABLE.sub(_APART, copy.signature + _APART + copy.body))
    found: list[str] = []
    for each in sorted(rules.words, key=lambda word: -len(word.word)):
        word = _plain(each.word)
        if each.level == "off" or not word or word not in text or any(word in longer for longer in found):
            continue
        found.append(word)
        yield each.level, Finding("sensitive_word", f"the text contains {each.word}: {each.why}", "say it differently")


def _plain(text: str) -> str:
    return _BARE.sub("", unicodedata.normalize("NFKC", text).casefold())
