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
`kb_id_`, or `kb_id` in a span. One that stands for none, as the `NIL` of spaCy's linker, is none, and a program's own
numbers of entities, which begin anew in each document, are never taken for one.

A text that is not UTF-8, a span that its document cannot have (beyond its text, of nothing but white space, of more than
1000 characters) and spans of a document that is not there are left out and told; the exit code is then 3.

Needs nothing but Python 3.9; with --spacy also spaCy.
"""

import argparse
import bisect
import json
import pathlib
import re
import sys
import unicodedata
from dataclasses import dataclass, field

LONGEST_SPAN = 1_000  # characters that docre takes for a mention
# A character that goes on with a word. Scripts that set no spaces between words have none.
OF_WORD = r"[^\W\u2e80-\U0010ffff]"
# Identifiers that stand for none, as src/ground/bases.rs has them.
NONE = {"", "-", "--", "-1", "none", "null", "nil", "na", "nan", "n/a", "unknown", "cui-less", "cuiless", "?"}
NAMES_SHOWN = 5  # of documents, in a message


left_out = 0  # what was told


def tell(what):
    """Says that something is left out, and goes on."""
    global left_out
    left_out += 1
    print(what, file=sys.stderr)


def read(path):
    """The text of a file, or of standard input."""
    try:
        return (sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()).decode("utf-8-sig")
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


def is_unicode(text):
    """Whether a text is one: JSON and the names of files may have halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def of_lines(text, file, *keys):
    """The objects of JSON lines, each with these keys, and a name."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except (ValueError, RecursionError) as error:
            sys.exit(f"{file}: line {number}: {error}")
        missing = [key for key in ("id", *keys) if not isinstance(one, dict) or key not in one]
        if missing:
            sys.exit(f"{file}: line {number}: expected an object with the key `{missing[0]}`")
        name = one["id"]
        if not (type(name) is int and name >= 0 or isinstance(name, str) and name.strip()):
            sys.exit(f"{file}: line {number}: `id`: expected a text or a whole number from 0, got {json.dumps(name)}")
        yield number, {**one, "id": str(name)}


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
        for name, text, title in of_json(source, path) if path.suffix == ".jsonl" else [(path.stem, source, "")]:
            if name in known:
                sys.exit(f"{path}: two documents are named `{name}`")
            known.add(name)
            if is_unicode(name + text + title):
                yield name, text, title
            else:
                tell(f"{path}: document {json.dumps(name)}: expected characters of Unicode, got half of one")


def of_json(source, path):
    """Each document's name, text and title in JSON lines."""
    for number, one in of_lines(source, path, "text"):
        text, title = one["text"], one.get("title")
        for key, value in [("text", text), ("title", "" if title is None else title)]:
            if not isinstance(value, str):
                sys.exit(f"{path}: line {number}: `{key}`: expected a text, got {json.dumps(value)}")
        yield one["id"], text, title or ""


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


class Given:
    """Finds what another program has found."""

    def __init__(self, file):
        self.file, self.by_document = file, {}
        for _, one in of_lines(read(file), file, "entities"):
            listed = one["entities"]
            self.by_document.setdefault(one["id"], []).extend(listed if isinstance(listed, list) else [listed])

    def __call__(self, name, text):
        for found in self.by_document.pop(name, []):
            one = found if isinstance(found, dict) else {}
            kind = next((one[key] for key in ("type", "label", "entity_group") if key in one), None)
            start, end, identifier = one.get("start"), one.get("end"), one.get("kb_id")
            is_span = type(start) is int and type(end) is int and 0 <= start <= end <= len(text)
            wrong = f"{self.file}: document `{name}`: expected"
            if not isinstance(kind, str) or not is_unicode(kind) or not is_span:
                tell(f"{wrong} a type and a span of its {len(text)} characters, got {found}")
            elif identifier is not None and type(identifier) not in (str, int) or not is_unicode(str(identifier)):
                tell(f"{wrong} a text or a whole number as `kb_id`, got {found}")
            else:
                yield Span(start, end, kind, "" if identifier is None else str(identifier))

    def tell_rest(self):
        """Tells the spans of documents that did not come."""
        rest = {name: listed for name, listed in self.by_document.items() if listed}
        if rest:
            more = ", …" if len(rest) > NAMES_SHOWN else ""
            names = ", ".join(f"`{name}`" for name in list(rest)[:NAMES_SHOWN]) + more
            count = sum(map(len, rest.values()))
            tell(f"{self.file}: expected spans of documents that are there, got {count} of {names}")


def trimmed(spans, name, text):
    """Spans without white space at their ends, and none that docre would refuse."""
    for span in spans:
        part = text[span.start : span.end]
        start, length = span.start + len(part) - len(part.lstrip()), len(part.strip())
        if 0 < length <= LONGEST_SPAN:
            span.start, span.end = start, start + length
            yield span
        else:
            got = f"{length} from {span.start} to {span.end}"
            tell(f"document `{name}`: expected a mention of 1 to {LONGEST_SPAN} characters less white space, got {got}")


def apart(spans):
    """Spans in the order of the text, of which none overlap: the longer stays, of two alike the first."""
    starts, taken = [], []
    for span in sorted(spans, key=lambda span: span.start - span.end):
        place = bisect.bisect(starts, span.start)
        # Of those that are taken the one before it and the one behind it can overlap it, if any do.
        if (place == 0 or taken[place - 1].end <= span.start) and (place == len(taken) or span.end <= starts[place]):
            starts.insert(place, span.start)
            taken.insert(place, span)
    return taken


def fold(name):
    """A name without what its writers chose freely: case, the composition of accents, white space."""
    return unicodedata.normalize("NFC", " ".join(name.split())).casefold()


def short_names(name):
    """The first and the last words of a name."""
    words = name.split(" ")
    return {" ".join(part) for place in range(1, len(words)) for part in (words[:place], words[place:])}


def identity(identifier, base, name):
    """An identifier with its knowledge base, of a mention in a document."""
    identifier = identifier.strip()
    if identifier.split(":", 1)[-1].strip().lower() in NONE:
        return ""
    if re.fullmatch(r"[A-Za-z][\w.-]*:\S+", identifier, re.ASCII):
        return identifier
    if base or re.fullmatch(r"Q[0-9]+", identifier):
        return f"{base or 'wikidata'}:{identifier}"
    wrong = f"document `{name}`: expected an identifier as PREFIX:ID, got `{identifier}`"
    sys.exit(f"{wrong} (--base PREFIX says whose it is)")


def entities(spans, text, short_types):
    """The entities that some mentions are of, in the order of their first."""
    found = {}
    for span in spans:
        name = fold(text[span.start : span.end])
        entity = found.setdefault(span.identifier or (name, span.type), Entity(span.type, span.identifier))
        entity.spans.append(span)
        entity.names.add(name)
    # Entities by type and name, and by type and what may be short for it.
    called, short = {}, {}
    for key, entity in found.items():
        for name in entity.names:
            called.setdefault((entity.type, name), set()).add(key)
            for part in short_names(name) if entity.type in short_types else ():
                short.setdefault((entity.type, part), set()).add(key)
    # Longer names first: where they belong is known when a shorter one is asked about, whichever comes first in the text.
    home_of = {}
    for key in sorted((key for key in found if not found[key].identifier), key=lambda key: -len(key[0])):
        name, kind = key
        homes = called[kind, name] - {key} or {home_of.get(other, other) for other in short.get((kind, name), ())}
        if len(homes) == 1:
            home_of[key] = homes.pop()
            found[home_of[key]].spans += found.pop(key).spans
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


def renamed(parser, listed):
    """What types are called instead: nothing of those that are left out."""
    pairs = [pair.strip() for pair in listed.split(",") if pair.strip()]
    for pair in pairs:
        if pair.find("=") < 1:
            parser.error(f"--types: expected A=B, or A= where A is left out, got `{pair}`")
    return dict(pair.partition("=")[::2] for pair in pairs)


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
    makers = [(named, options.names), (by_spacy, options.spacy), (Given, options.spans)]
    finders = [make(argument) for make, argument in makers if argument is not None]
    if not finders:
        parser.error("expected one of --names, --spacy and --spans, got none")
    types = renamed(parser, options.types)
    sys.stdout.reconfigure(encoding="utf-8")
    n_documents = n_entities = n_mentions = 0
    for name, text, title in documents(options.files):
        spans = [span for find in finders for span in find(name, text)]
        for span in spans:
            span.type = types.get(span.type, span.type)
        spans = list(trimmed((span for span in spans if span.type), name, text))
        for span in spans:
            span.identifier = identity(span.identifier, options.base, name)
        spans = apart(spans)
        found = entities(spans, text, {kind.strip() for kind in options.short.split(",")})
        print(json.dumps(record(name, text, title, found), ensure_ascii=False))
        n_documents, n_entities, n_mentions = n_documents + 1, n_entities + len(found), n_mentions + len(spans)
    for find in finders:
        if isinstance(find, Given):
            find.tell_rest()
    print(f"{n_documents} documents, {n_entities} entities, {n_mentions} mentions", file=sys.stderr)
    if left_out:
        sys.exit(3)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(str(error))
