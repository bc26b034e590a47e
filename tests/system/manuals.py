# SPDX-License-Identifier: MIT
"""The manual pages in docs/man, as far as tests need to understand them: sections, and lists of tagged items.

A page is mdoc(7). Its sources are read, not its rendering, so that nothing has to be installed.
"""

import glob
import os
import re

from openmvd import ROOT

# What words of macro lines are macros here; all others are text.
MACROS = {"Ar", "Bd", "Bl", "Cm", "Dl", "Dq", "Dt", "Dv", "Dd", "Ed", "El", "Er", "Ev", "Fl", "Fn", "In", "It", "Nd", "Nm",
          "No", "Ns", "Oc", "Oo", "Op", "Os", "Pa", "Pp", "Pq", "Ql", "Sh", "Ss", "Sx", "Va", "Xr"}


def paths():
    """The pages, relative to the root of the repository."""
    return sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs/man/*.[1-8]")))


def unescaped(text):
    """Text with roff's escapes replaced by what they print."""
    for escape, letter in (("\\-", "-"), ("\\&", ""), ("\\(dq", '"'), ("\\e", "\\")):
        text = text.replace(escape, letter)
    return text


def words(line):
    """The text of a line, macros carried out as far as they change the words."""
    if not line.startswith("."):
        return unescaped(line)
    text, closing, joined = "", [], False
    for word in line[1:].split():
        if word == "Ns":
            joined = True
        elif word in ("Op", "Oo", "Pq"):
            opening, end = "()" if word == "Pq" else "[]"
            text += ("" if joined else " ") + opening
            joined = True
            if word != "Oo":
                closing.append(end)
        elif word == "Oc":
            text += "]"
            joined = False
        elif word == "Fl":
            text += ("" if joined else " ") + "-"
            joined = True
        elif word not in MACROS:
            glued = joined or re.fullmatch(r"[.,;:)\]]", word)
            text += ("" if glued else " ") + word
            joined = False
    return unescaped(text.strip() + "".join(reversed(closing)))


class Item:
    """An item of a tagged list: its tag line, and the lines below it."""

    def __init__(self, tag):
        self.tag = words(re.sub(r"^\.It ?", ". ", tag))
        self.tag_line = tag
        self.lines = []

    def remark(self):
        """What the body begins with in brackets, or ''."""
        first = self.lines[0] if self.lines else ""
        return words(first)[1:-1] if first.startswith(".Pq ") else ""

    def text(self):
        """The whole body as running text."""
        return " ".join(filter(None, map(words, self.lines)))

    def marked(self, macro):
        """The words that a macro marks in the body, which may stand several to a line with commas between."""
        found = []
        for line in self.lines:
            for part in re.findall(rf"(?:^\.| ){macro} ([^A-Z]+?)(?= [A-Z][a-z]\b|$)", line):
                found += [unescaped(word) for word in part.split() if word not in (",", ".", ";", ":")]
        return found


class Page:
    """One manual page."""

    def __init__(self, name):
        with open(os.path.join(ROOT, "docs/man", name), encoding="utf-8") as file:
            self.text = file.read()
        self.name = name
        self.sections = {}
        title = None
        for line in self.text.splitlines():
            heading = re.match(r"\.S[hs] (.*)", line)
            if heading:
                title = heading[1]
                assert title not in self.sections, f"{name}: the section {title} is there twice"
                self.sections[title] = []
            elif title:
                self.sections[title].append(line)

    def subsections(self, title):
        """The titles of the subsections of a section."""
        part = self.text.split(f"\n.Sh {title}\n")[1].split("\n.Sh ")[0]
        return re.findall(r"^\.Ss (.*)", part, re.MULTILINE)

    def items(self, title, number=None):
        """The items of the lists of a section; with a number, only of that list of it."""
        assert title in self.sections, f"{self.name} has no section {title}"
        lists, depth = [], 0
        for line in self.sections[title]:
            if line.startswith(".Bl"):
                depth += 1
                if depth == 1:
                    lists.append([])
            if line.startswith(".It") and depth == 1:
                lists[-1].append(Item(line))
            elif depth > 0 and lists[-1]:
                lists[-1][-1].lines.append(line)
            if line.startswith(".El"):
                depth -= 1
        if number is not None:
            return lists[number] if number < len(lists) else []
        return [item for entries in lists for item in entries]

    def tags(self, title, number=None):
        """The tags of these items."""
        return [item.tag for item in self.items(title, number)]
