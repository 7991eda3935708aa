#!/usr/bin/env python3
"""Marks entities in plain text: text files in, JSON lines for `docre convert --format jsonl` out.

    python3 data/mark_entities.py --names names.tsv letters/*.txt > letters.jsonl
    python3 data/mark_entities.py --spacy en_core_web_sm letters/*.txt > letters.jsonl
    other-program letters/*.txt | python3 data/mark_entities.py --spans - letters/*.txt > letters.jsonl

A text file is a document, called as the file without its ending; a file that ends in .jsonl holds a document a line,
{"id": …, "text": …, "title": …}, the title at will. The finders of names can be given together: of two spans that overlap
the longer counts, of two alike that of the finder named first here.

--names FILE     lines of name, type and perhaps identifier, separated by tabs
--spacy NAME     a pipeline of spaCy that is installed, or a folder that holds one
--spans FILE     another program's spans as JSON lines: {"id": …, "entities": [{"start": …, "end": …, "type": …}]}; offsets
                 count characters from 0, `end` is one past the last; `label` or `entity_group` will do for `type`
--types A=B,…    the type A is called B; with nothing after the `=`, what is of the type A is left out
--base PREFIX    the knowledge base of identifiers that name none, as `MESH`; without it these can only be Wikidata's
                 (`Q42`)
--short A,…      types whose shorter names may stand for one longer name in a document, as Solheim for Ingrid Solheim
                 [default: PER,PERSON]

Mentions with one identifier are one entity; those without are one if their names and types agree. An identifier in a
knowledge base, by which documents may be joined, becomes an entity's `kb_id`, `PREFIX:ID`: a name's third column, spaCy's
`kb_id_`, or `kb_id` in a span. A program's own numbers of entities, which begin anew in each document, are never taken
for one.

A text that is not UTF-8 and a span that its document cannot have are left out and told; the exit code is then 3.

Needs nothing but Python 3.9; with --spacy also spaCy.
"""

import argparse
import json
import pathlib
import re
import sys
import unicodedata
from dataclasses import dataclass, field

LONGEST_SPAN = 1_000  # characters that docre takes for a mention
# A character that goes on with a word. Scripts that set no spaces between words have none.
OF_WORD = r"[^\W\u2e80-\U0010ffff]"


left_out = 0  # what was told


def tell(what):
    """Says that something is left out, and goes on."""
    global left_out
    left_out += 1
    print(what, file=sys.stderr)


def read(path):
    """The text of a file."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8, got another encoding or no text ({error})") from error


@dataclass
class Span:
    start: int
    end: int
    type: str
    identifier: str = ""


@dataclass
class Entity:
    type: str
    identifier: str
    spans: list = field(default_factory=list)
    names: set = field(default_factory=set)


def of_lines(text, file, *keys):
    """The objects of JSON lines, each with these keys."""
    for number, line in enumerate(text.split("\n"), 1):
        try:
            one = json.loads(line) if line.strip() else None
        except ValueError as error:
            sys.exit(f"{file}: line {number}: {error}")
        if one is not None:
            missing = [key for key in keys if not isinstance(one, dict) or key not in one]
            if missing:
                sys.exit(f"{file}: line {number}: expected an object with the key `{missing[0]}`")
            yield {**one, "id": str(one["id"])}


def documents(paths):
    """Each document's name, text and title."""
    known = set()
    for path in paths:
        try:
            # Line ends stay as they are, so that another program's offsets fit.
            source = read(path)
        except ValueError as error:
            tell(error)
            continue
        if path.suffix == ".jsonl":
            lines = of_lines(source, path, "id", "text")
            found = [(one["id"], one["text"], one.get("title", "")) for one in lines]
        else:
            found = [(path.stem, source, "")]
        for name, text, title in found:
            if name in known:
                sys.exit(f"{path}: two documents are named `{name}`")
            known.add(name)
            yield name, text, title


def parts(text):
    """A text's characters, each with the marks and parts of a syllable that follow it."""
    start = 0
    for place in range(1, len(text) + 1):
        goes_on = place < len(text) and (unicodedata.combining(text[place]) or "\u1160" <= text[place] <= "\u11ff")
        if not goes_on:
            yield start, place
            start = place


def composed(text):
    """A text with its accents composed, and of each of its characters first and one past the last in the text; none where
    it is the same."""
    if unicodedata.is_normalized("NFC", text):
        return text, None
    whole, places = [], []
    for start, end in parts(text):
        part = unicodedata.normalize("NFC", text[start:end])
        whole.append(part)
        one_by_one = [(place, place + 1) for place in range(start, end)]
        places += one_by_one if part == text[start:end] else [(start, end)] * len(part)
    return "".join(whole), places


def named(file):
    """Finds the names of a file, however the text composes their accents."""
    known = {}
    for number, line in enumerate(unicodedata.normalize("NFC", read(file)).splitlines(), 1):
        columns = [column.strip() for column in line.split("\t")]
        if not line.strip():
            continue
        if len(columns) not in (2, 3) or not all(columns[:2]):
            sys.exit(f"{file}: line {number}: expected name, type and perhaps identifier, separated by tabs")
        known[" ".join(columns[0].split())] = columns[1:]
    edge = {name: (rf"(?<!{OF_WORD})" if re.match(OF_WORD, name[0]) else "",
                   rf"(?!{OF_WORD})" if re.match(OF_WORD, name[-1]) else "") for name in known}
    longest_first = sorted(known, key=len, reverse=True)
    spell = {name: r"\s+".join(map(re.escape, name.split())) for name in known}
    pattern = re.compile("|".join(edge[name][0] + spell[name] + edge[name][1] for name in longest_first) or r"(?!)")

    def find(_, text):
        text, places = composed(text)
        for match in pattern.finditer(text):
            start, end = match.span()
            if places:
                start, end = places[start][0], places[end - 1][1]
            yield Span(start, end, *known[" ".join(match.group().split())])

    return find


def by_spacy(name):
    """Finds what a pipeline of spaCy finds."""
    try:
        import spacy
    except ImportError:
        sys.exit("--spacy: expected spaCy in this Python; install it with `pip install spacy`")

    pipeline = spacy.load(name)

    def find(_, text):
        for found in pipeline(text).ents:
            yield Span(found.start_char, found.end_char, found.label_, found.kb_id_)

    return find


def given(file):
    """Finds what another program has found."""
    text = sys.stdin.read() if str(file) == "-" else read(file)
    by_document = {}
    for one in of_lines(text, file, "id", "entities"):
        listed = one["entities"]
        by_document.setdefault(one["id"], []).extend(listed if isinstance(listed, list) else [listed])

    def find(name, text):
        for found in by_document.get(name, []):
            one = found if isinstance(found, dict) else {}
            kind = next((one[key] for key in ("type", "label", "entity_group") if key in one), None)
            start, end = one.get("start"), one.get("end")
            is_span = type(start) is int and type(end) is int and 0 <= start <= end <= len(text)
            if not isinstance(kind, str) or not is_span:
                tell(f"{file}: document `{name}`: expected a type and a span of its {len(text)} characters, got {found}")
                continue
            yield Span(start, end, kind, str(one.get("kb_id") or ""))

    return find


def trimmed(spans, text):
    """Spans without white space at their ends, and none that docre would refuse."""
    for span in spans:
        part = text[span.start : span.end]
        span.start += len(part) - len(part.lstrip())
        span.end = span.start + len(part.strip())
        if 0 < span.end - span.start <= LONGEST_SPAN:
            yield span


def apart(spans):
    """Spans in the order of the text, of which none overlap: the longer stays, of two alike the first."""
    taken = []
    for span in sorted(spans, key=lambda span: span.start - span.end):
        if all(span.end <= other.start or other.end <= span.start for other in taken):
            taken.append(span)
    return sorted(taken, key=lambda span: span.start)


def fold(name):
    """A name without what its writers chose freely: case, the composition of accents, white space."""
    return unicodedata.normalize("NFC", " ".join(name.split())).casefold()


def is_short_for(short, name):
    """Whether a name is the first or the last words of another."""
    return name.startswith(short + " ") or name.endswith(" " + short)


def identity(identifier, base):
    """An identifier with its knowledge base."""
    if not identifier or re.fullmatch(r"[A-Za-z][\w.-]*:\S+", identifier, re.ASCII):
        return identifier
    if base or re.fullmatch(r"Q[0-9]+", identifier):
        return f"{base or 'wikidata'}:{identifier}"
    sys.exit(f"expected an identifier as PREFIX:ID, got `{identifier}` (--base PREFIX says whose it is)")


def entities(spans, text, short_types):
    """The entities that some mentions are of, in the order of their first."""
    found = {}
    for span in spans:
        name = fold(text[span.start : span.end])
        entity = found.setdefault(span.identifier or (name, span.type), Entity(span.type, span.identifier))
        entity.spans.append(span)
        entity.names.add(name)
    for key, entity in list(found.items()):
        if entity.identifier:
            continue
        name, others = key[0], [other for other in found.values() if other is not entity and other.type == entity.type]
        homes = [other for other in others if name in other.names]
        if not homes and entity.type in short_types:
            homes = [other for other in others if any(is_short_for(name, longer) for longer in other.names)]
        if len(homes) == 1:
            homes[0].spans += entity.spans
            homes[0].names |= entity.names
            del found[key]
    return sorted(found.values(), key=lambda entity: min(span.start for span in entity.spans))


def record(name, text, title, found):
    """A document as docre reads it."""
    listed = []
    for entity in found:
        # An entity is called as its first mention: the fullest comes first.
        spans = sorted(entity.spans, key=lambda span: (span.start - span.end, span.start))
        identifier = {"kb_id": entity.identifier} if entity.identifier else {}
        mentions = [{"start": span.start, "end": span.end} for span in spans]
        listed.append({**identifier, "type": entity.type, "mentions": mentions})
    return {"id": name, **({"title": title} if title else {}), "text": text, "entities": listed}


def main():
    about, _, _ = __doc__.partition("\n")
    parser = argparse.ArgumentParser(description=about, epilog="The head of this file says what each option takes.")
    parser.add_argument("--names", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--spacy", metavar="NAME")
    parser.add_argument("--spans", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--types", default="", metavar="A=B,…")
    parser.add_argument("--base", default="", metavar="PREFIX")
    parser.add_argument("--short", default="PER,PERSON", metavar="A,…")
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    makers = [(named, options.names), (by_spacy, options.spacy), (given, options.spans)]
    finders = [make(argument) for make, argument in makers if argument is not None]
    if not finders:
        parser.error("expected one of --names, --spacy and --spans, got none")
    types = dict(pair.partition("=")[::2] for pair in options.types.split(",") if pair)
    n_documents = n_entities = n_mentions = 0
    for name, text, title in documents(options.files):
        spans = [span for find in finders for span in trimmed(find(name, text), text)]
        for span in spans:
            span.type = types.get(span.type, span.type)
            span.identifier = identity(span.identifier, options.base)
        spans = apart(span for span in spans if span.type)
        found = entities(spans, text, options.short.split(","))
        print(json.dumps(record(name, text, title, found), ensure_ascii=False))
        n_documents, n_entities, n_mentions = n_documents + 1, n_entities + len(found), n_mentions + len(spans)
    print(f"{n_documents} documents, {n_entities} entities, {n_mentions} mentions", file=sys.stderr)
    if left_out:
        sys.exit(3)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(str(error))
