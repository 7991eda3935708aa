"""Documents in which other programs have marked entities → rows of `annotated`."""

from __future__ import annotations

import itertools
import json
import operator
import pathlib
import re
import tempfile
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, SupportsIndex, TypeGuard

from . import _docre
from ._errors import InputError, UsageError
from ._made import call

CURIE = re.compile(r"[A-Za-z][A-Za-z0-9._-]*:[^\s]+")
WIKIDATA = re.compile(r"Q[0-9]+")
# Ids that stand for none, as src/ground/bases.rs has them.
NONE = frozenset(["", "-", "--", "-1", "none", "null", "nil", "na", "nan", "n/a", "unknown", "cui-less", "cuiless", "?"])


def annotated(
    documents: object,
    *,
    ids: Sequence[str] | None = None,
    types: Mapping[str, str | None] | None = None,
    base: str | None = None,
) -> _docre.Table:
    """The rows of `annotated` for documents whose entities are marked, a row a document.

    `documents`: one or several of
    - spaCy's `Doc`: `doc.ents` are the mentions, `ent.kb_id_` their identity, and where `doc._.coref_clusters` or
      `doc.spans["coref_clusters_…"]` are there, mentions in one cluster are one entity;
    - a dict `{"id", "title", "text", "entities": [{"start", "end", "label", "text"}]}`, as GLiNER's entities are; a
      mention may also have a `kb_id` and a `cluster`, a name or number for all mentions of one thing in the document;
    - a dict as `docre convert --format jsonl` reads it, whose entities have `mentions`.

    Offsets count characters (as Python's strings do) from 0, `end` is one past the last. Mentions with one `kb_id`, in
    one cluster, or with one name (case aside) and type are one entity.

    `ids`: the documents' names, which must differ; otherwise a dict's `id`, a Doc's `user_data["id"]`, or
    `document-0`, `document-1`, …
    `types`: what a type is called instead, as `{"PERSON": "PER", "GPE": "LOC", "CARDINAL": None}`; `None` leaves it out,
    and relations of an entity that is left out go with it.
    `base`: the knowledge base of identities that name none, as `"wikidata"` or `"MESH"`; without it these can only be
    Wikidata's (`Q42`). Identities that stand for none, as the `NIL` of spaCy's linker, are none.

    What cannot stand (a mention over two sentences, beyond the text) is left out, with a `docre.RejectedWarning`. What is
    no document, as its text is none or its name, or a mention without its ends or type, is a `docre.InputError` that names
    document and field.
    """
    lines = [
        _line(document, place, ids, types or {}, base) for place, document in enumerate(_several(documents))
    ]
    if ids is not None and len(ids) != len(lines):
        raise UsageError(f"`ids`: expected as many as documents, {len(lines)}, got {len(ids)}")
    if not lines:
        return _docre.schema("annotated")
    with tempfile.TemporaryDirectory(prefix="docre-") as folder:
        tables, rows = pathlib.Path(folder, "all"), pathlib.Path(folder, "annotated")
        unlabelled = [] if any(b'"relations": [' in line for line in lines) else ["--unlabelled"]
        said = ["convert", "--format=jsonl", "--split=all", f"--out={folder}", *unlabelled, "--", "-"]
        call(said, b"\n".join(lines))
        call(["convert", "--to=annotated", f"--out={rows}", "--", str(tables)])
        return _docre.read(rows, whole=True)


def _several(documents: object) -> Iterator[object]:
    if isinstance(documents, Mapping) or _is_spacy(documents):
        yield documents
    elif isinstance(documents, Iterable) and not isinstance(documents, (str, bytes)):
        yield from documents
    else:
        raise TypeError(_expected(documents))


def _expected(found: object) -> str:
    return f"expected documents of spaCy or dicts with `text` and `entities`, got {type(found).__qualname__}"


def _line(
    document: object, place: int, ids: Sequence[str] | None, types: Mapping[str, str | None], base: str | None
) -> bytes:
    """A document as a line of JSON."""
    try:
        found = _document(document, place, ids, types, base)
        return json.dumps(found, ensure_ascii=False, allow_nan=False, default=_plain).encode()
    except _Fault as fault:
        field, expected, found = fault.args
        told = f"`{field}`: {expected}" if field else expected
        raise InputError(f"{_called(document, place, ids)}: {told}, got {found}") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{_called(document, place, ids)}: expected what JSON can hold: {error}") from None


def _called(document: object, place: int, ids: Sequence[str] | None) -> str:
    """How messages call a document: by its place, and its name where it has one."""
    own = document.get("id") if isinstance(document, Mapping) else None
    name = ids[place] if ids is not None and place < len(ids) else own
    return f"document {place}" if name is None else f"document {place} ({json.dumps(str(name), ensure_ascii=False)})"


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"got {type(value).__qualname__}")


class _Fault(Exception):
    """What is wrong in a document: the field, what was expected there, and what was found."""


def _is_spacy(document: object) -> bool:
    return all(hasattr(document, name) for name in ("ents", "text", "spans", "user_data"))


def _document(
    document: Any, place: int, ids: Sequence[str] | None, types: Mapping[str, str | None], base: str | None
) -> dict[str, Any]:
    if _is_spacy(document):
        found = {"id": document.user_data.get("id"), "title": document.user_data.get("title"), "text": document.text}
        _check(found)
        mentions = _of_spacy(document)
    elif isinstance(document, Mapping):
        found = dict(document)
        entities = found.pop("entities", None)
        if not _is_list(entities):
            raise _Fault("entities", "expected a list", _kind(entities))
        _check(found)
        for number, entity in enumerate(entities):
            if not isinstance(entity, Mapping):
                raise _Fault(f"entities[{number}]", "expected a dict", type(entity).__qualname__)
        if found.get("mentions") is not None:
            found["mentions"] = _renamed(found["mentions"], types)
        if any("mentions" in entity for entity in entities):
            return _named({**found, **_with_mentions(entities, found.get("relations"), types, base)}, place, ids)
        text = found["text"]
        mentions = [_of_dict(mention, text, f"entities[{number}]") for number, mention in enumerate(entities)]
    else:
        raise _Fault("", "expected a document of spaCy or a dict with `text` and `entities`", type(document).__qualname__)
    found["entities"] = _entities(_renamed(mentions, types), base)
    return _named(found, place, ids)


def _check(found: Mapping[str, Any]) -> None:
    """Refuses a document that is none, whatever its entities are."""
    for key, needed in [("text", True), ("title", False)]:
        if not isinstance(found.get(key), str) and (needed or found.get(key) is not None):
            raise _Fault(key, "expected a text", _kind(found.get(key)))
    for key in ("mentions", "relations", "sentences"):
        if found.get(key) is not None and not _is_list(found[key]):
            raise _Fault(key, "expected a list", _kind(found[key]))


def _named(found: dict[str, Any], place: int, ids: Sequence[str] | None) -> dict[str, Any]:
    is_given = ids is not None and place < len(ids)
    name = ids[place] if ids is not None and is_given else found.get("id")
    is_number = isinstance(name, SupportsIndex) and not isinstance(name, bool) and operator.index(name) >= 0
    if not is_number and not (isinstance(name, str) and name.strip()) and name is not None:
        shown = repr(name) if isinstance(name, (str, int)) else _kind(name)
        raise _Fault(f"ids[{place}]" if is_given else "id", "expected a text or a whole number from 0", shown)
    found["id"] = f"document-{place}" if name is None else name
    return {key: value for key, value in found.items() if value is not None}


def _renamed(mentions: Sequence[Any], types: Mapping[str, str | None]) -> list[Any]:
    """Mentions by their types' other names, without those that are left out."""
    found = []
    for mention in mentions:
        kind = mention.get("type") if isinstance(mention, Mapping) else None
        if not isinstance(kind, str) or kind not in types:
            found.append(mention)
        elif types[kind]:
            found.append({**mention, "type": types[kind]})
    return found


def _with_mentions(
    given: Sequence[Mapping[str, Any]], relations: Any, types: Mapping[str, str | None], base: str | None
) -> dict[str, Any]:
    """Entities that have mentions, and what is said of those that stay."""
    found = [_with_type(entity, types, base) for entity in given]
    kept = [entity for entity in found if entity is not None]
    if len(kept) == len(given) or relations is None:
        return {"entities": kept}
    numbers = itertools.count()
    places = [None if entity is None else next(numbers) for entity in found]
    ends = _ends(given)
    moved = [_moved(relation, ends, places) for relation in relations]
    for entity in kept:
        entity.pop("id", None)
    return {"entities": kept, "relations": [relation for relation in moved if relation is not None]}


def _with_type(entity: Mapping[str, Any], types: Mapping[str, str | None], base: str | None) -> dict[str, Any] | None:
    """An entity that has mentions, by its type's other name and of its base; `None` where nothing is left of it."""
    mentions = entity.get("mentions")
    kept = _renamed(mentions, types) if _is_list(mentions) else mentions
    found = _renamed([{**entity, "mentions": kept} if "mentions" in entity else dict(entity)], types)
    if not found or mentions and not kept:
        return None
    (own,) = found
    if isinstance(kb_id := own.get("kb_id"), str):
        identity = _known(kb_id)
        own["kb_id"] = identity and (_curie(identity, base) or identity)
    return {key: value for key, value in own.items() if value is not None}


def _ends(entities: Sequence[Mapping[str, Any]]) -> dict[object, set[int]]:
    """The places of the entities that relations may mean: a text is an id, a number a place or an id."""
    ends: dict[object, set[int]] = {}
    for place, entity in enumerate(entities):
        name = entity.get("id")
        for end in {place} if name is None else {place, name, str(name)}:
            ends.setdefault(end, set()).add(place)
    return ends


def _moved(relation: Any, ends: Mapping[object, set[int]], places: Sequence[int | None]) -> Any:
    """A relation by the new places of its entities; `None` where one of them is left out."""
    if not isinstance(relation, Mapping):
        return relation
    moved = dict(relation)
    for key in ("head", "tail"):
        end = relation.get(key)
        meant = ends.get(end, set()) if isinstance(end, (str, SupportsIndex)) and not isinstance(end, bool) else set()
        if len(meant) == 1:
            moved[key] = places[next(iter(meant))]
            if moved[key] is None:
                return None
        elif isinstance(end, SupportsIndex):
            # No entity is called so: docre tells it, where a number might now be another's place.
            moved[key] = str(end)
    return moved


def _of_dict(mention: Mapping[str, Any], text: str, where: str) -> dict[str, Any]:
    found: dict[str, Any] = {key: mention.get(key) for key in ("start", "end", "text", "kb_id", "cluster")}
    found["type"] = mention.get("label", mention.get("type"))
    for key in ("start", "end"):
        if not isinstance(found[key], SupportsIndex) or isinstance(found[key], bool):
            raise _Fault(f"{where}.{key}", "expected a whole number", _kind(found[key]))
        found[key] = operator.index(found[key])
    for key, needed in [("type", True), ("text", False), ("kb_id", False)]:
        if not isinstance(found[key], str) and (needed or found[key] is not None):
            raise _Fault(f"{where}.{'label' if key == 'type' else key}", "expected a text", _kind(found[key]))
    if not isinstance(found["cluster"], Hashable):
        raise _Fault(f"{where}.cluster", "expected a name or a number", _kind(found["cluster"]))
    if found["text"] is None:
        found["text"] = text[found["start"] : found["end"]]
    return found


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _kind(value: object) -> str:
    return "none" if value is None else type(value).__qualname__


def _of_spacy(document: Any) -> list[dict[str, Any]]:
    clusters = _clusters(document)
    return [
        {
            "start": mention.start_char,
            "end": mention.end_char,
            "text": mention.text,
            "type": mention.label_,
            "kb_id": mention.kb_id_ or None,
            "cluster": clusters.get((mention.start_char, mention.end_char)),
        }
        for mention in document.ents
    ]


def _clusters(document: Any) -> dict[tuple[int, int], int]:
    """The cluster of each span that is in one."""
    groups: list[Any] = [spans for name, spans in document.spans.items() if name.startswith("coref_clusters")]
    if document.has_extension("coref_clusters"):
        groups += document._.coref_clusters or []
    found = {}
    for number, group in enumerate(groups):
        for span in group:
            start, end = (span.start_char, span.end_char) if hasattr(span, "start_char") else span
            found[start, end] = number
    return found


def _entities(mentions: list[dict[str, Any]], base: str | None) -> list[dict[str, Any]]:
    """Mentions as entities, in the order of their first: joined by identity, then by cluster, then by name."""
    joined = list(range(len(mentions)))
    identities = [_identity(mention) for mention in mentions]

    def first(place: int) -> int:
        while joined[place] != place:
            place = joined[place]
        return place

    for key in (_identity, _cluster, _name):
        known: dict[Any, int] = {}
        for place, mention in enumerate(mentions):
            if (value := key(mention)) is None:
                continue
            one, other = sorted((first(known.setdefault(value, place)), first(place)))
            # Two things of one name are two.
            if None in (identities[one], identities[other]) or identities[one] == identities[other]:
                joined[other], identities[one] = one, identities[one] or identities[other]
    groups: dict[int, list[dict[str, Any]]] = {}
    for place, mention in enumerate(mentions):
        groups.setdefault(first(place), []).append(mention)
    return [_entity(group, identities[place], base) for place, group in groups.items()]


def _identity(mention: dict[str, Any]) -> str | None:
    return _known(mention["kb_id"] or "")


def _known(kb_id: str) -> str | None:
    """An identity; `None` where it stands for none, with a knowledge base or without."""
    identity = kb_id.strip()
    return None if identity.split(":", 1)[-1].strip().lower() in NONE else identity


def _curie(identity: str, base: str | None) -> str | None:
    """An identity with its knowledge base; `None` where that is not known."""
    if CURIE.fullmatch(identity):
        return identity
    return f"{base or 'wikidata'}:{identity}" if base is not None or WIKIDATA.fullmatch(identity) else None


def _cluster(mention: dict[str, Any]) -> Any:
    return mention["cluster"]


def _name(mention: dict[str, Any]) -> Any:
    name = " ".join(str(mention["text"] or "").casefold().split())
    return (mention["type"], name) if name else None


def _entity(mentions: list[dict[str, Any]], identity: str | None, base: str | None) -> dict[str, Any]:
    kept = [
        {key: mention[key] for key in ("start", "end", "text", "type") if mention[key] is not None} for mention in mentions
    ]
    entity = {"type": mentions[0]["type"], "mentions": kept}
    curie = None if identity is None else _curie(identity, base)
    return entity if curie is None else {**entity, "kb_id": curie}
