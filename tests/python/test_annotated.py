"""Documents in which other programs have marked entities."""

import ast
import pathlib
import re
import unittest
import warnings

import docre
from docre import _annotated
from support import needs

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEXT = "Ada Byron met Charles Babbage. Babbage admired Ada Byron in London."


def mention(start, text, label, **more):
    return {"start": start, "end": start + len(text), "text": text, "label": label, **more}


MENTIONS = [
    mention(0, "Ada Byron", "PER"),
    mention(14, "Charles Babbage", "PER"),
    mention(31, "Babbage", "PER"),
    mention(47, "Ada Byron", "PER"),
    mention(60, "London", "LOC"),
]


def grouped(mentions, **options):
    """The starts of each entity's mentions, and its identity."""
    of = {"id": "a", "text": TEXT, "entities": mentions}
    found = _annotated._document(of, 0, None, options.pop("types", {}), options.pop("base", None))
    return [([own["start"] for own in entity["mentions"]], entity.get("kb_id")) for entity in found["entities"]]


class Annotated(unittest.TestCase):
    def test_mentions_of_one_name_are_one_entity(self):
        self.assertEqual(grouped(MENTIONS), [([0, 47], None), ([14], None), ([31], None), ([60], None)])
        upper = [*MENTIONS[:3], {**MENTIONS[3], "text": "ADA  BYRON"}]
        self.assertEqual(grouped(upper)[0][0], [0, 47])
        other = [*MENTIONS[:3], {**MENTIONS[3], "label": "ORG"}]
        self.assertEqual(len(grouped(other)), 4)

    def test_clusters_and_identities_join_names(self):
        cluster = [{**own, "cluster": "b"} if own["start"] in (14, 31) else own for own in MENTIONS]
        self.assertEqual([starts for starts, _ in grouped(cluster)], [[0, 47], [14, 31], [60]])
        known = [{**own, "kb_id": "Q7259"} if own["start"] == 47 else own for own in cluster]
        self.assertEqual(grouped(known)[0], ([0, 47], "wikidata:Q7259"))
        self.assertEqual(grouped([{**own, "kb_id": "D1"} for own in MENTIONS[:1]], base="MESH"), [([0], "MESH:D1")])
        self.assertEqual(grouped([{**own, "kb_id": "17"} for own in MENTIONS[:1]]), [([0], None)])

    def test_what_stands_for_no_identity_joins_nothing(self):
        for kb_id in ("NIL", "wikidata:NIL", "-", " None ", "MESH:-1", ""):
            unknown = [{**own, "kb_id": kb_id} for own in MENTIONS]
            for base in (None, "wikidata"):
                with self.subTest(kb_id, base=base):
                    self.assertEqual(grouped(unknown, base=base), grouped(MENTIONS))
        # One mention is linked, the other of the same name is not.
        linked = [{**MENTIONS[0], "kb_id": "Q7259"}, {**MENTIONS[3], "kb_id": "NIL"}]
        self.assertEqual(grouped(linked), [([0, 47], "wikidata:Q7259")])

    def test_ids_that_stand_for_none_are_those_of_the_library(self):
        of_library, of_script = r"const NONE: &\[&str\] =\s*&(\[[^\]]*\]);", r"\nNONE = (.*)\n"
        lists = {"src/ground/bases.rs": of_library, "data/mark_entities.py": of_script}
        for path, listed in lists.items():
            (found,) = re.findall(listed, (ROOT / path).read_text())
            self.assertEqual(set(ast.literal_eval(found)), _annotated.NONE, path)

    def test_one_name_of_two_things_is_two_entities(self):
        two = [{**MENTIONS[0], "kb_id": "Q1"}, {**MENTIONS[3], "kb_id": "Q2"}]
        self.assertEqual(grouped(two), [([0], "wikidata:Q1"), ([47], "wikidata:Q2")])

    def test_types_are_renamed_and_left_out(self):
        self.assertEqual(len(grouped(MENTIONS, types={"LOC": None})), 3)
        table = docre.annotated({"id": "a", "text": TEXT, "entities": MENTIONS}, types={"PER": "PERSON"})
        self.assertEqual((table.num_rows, table.column_names), (1, docre.schema("annotated").column_names))
        loose = {"text": TEXT, "entities": [], "mentions": [{"type": own["label"]} for own in MENTIONS]}
        found = _annotated._document(loose, 0, None, {"PER": "PERSON", "LOC": None}, None)
        self.assertEqual(found["mentions"], [{"type": "PERSON"}] * 4)

    def test_types_and_base_are_those_of_entities_that_have_mentions_too(self):
        def entity(start, end, label, **more):
            return {"type": label, "mentions": [{"start": start, "end": end}], **more}

        entities = [
            entity(60, 66, "GPE", id="london"),
            entity(0, 9, "PERSON", kb_id="Q7259"),
            entity(14, 29, "PERSON", kb_id="NIL", id=7),
            entity(31, 38, "PERSON", kb_id="MESH:D1"),
            {"type": "X", "mentions": [{"start": 47, "end": 56, "type": "GPE"}]},
        ]
        ends = [("london", 1), (1, 2), (0, 3), (3, "7"), (7, 1), (9, 1), (3, 4)]
        relations = [{"head": head, "tail": tail, "type": "R"} for head, tail in ends]
        document = {"id": "a", "text": TEXT, "entities": entities, "relations": relations}
        found = _annotated._document(document, 0, None, {"PERSON": "PER", "GPE": None}, "wikidata")
        kept = [(own["type"], own.get("kb_id"), own["mentions"][0]["start"]) for own in found["entities"]]
        self.assertEqual(kept, [("PER", "wikidata:Q7259", 0), ("PER", None, 14), ("PER", "MESH:D1", 31)])
        # Places are less by 1; 9 is nobody, then as before.
        self.assertEqual([(own["head"], own["tail"]) for own in found["relations"]], [(0, 1), (2, 1), (1, 0), ("9", 0)])
        with self.assertWarnsRegex(docre.RejectedWarning, "1 of 4 relations"):
            docre.annotated(document, types={"PERSON": "PER", "GPE": None})
        self.assertEqual(_annotated._document(document, 0, None, {}, None)["relations"], relations)

    def test_what_cannot_stand_is_told(self):
        over = [*MENTIONS, mention(22, "Babbage. Babbage", "PER")]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            docre.annotated({"id": "a", "text": TEXT, "entities": MENTIONS})
        beyond = [*MENTIONS, {"start": 60, "end": 99, "label": "LOC"}]
        with self.assertWarnsRegex(docre.RejectedWarning, r"entities\[4\]|mention"):
            self.assertEqual(docre.annotated({"id": "a", "text": TEXT, "entities": beyond}).num_rows, 1)
        self.assertEqual(docre.annotated({"id": "a", "text": TEXT, "entities": over}).num_rows, 1)

    def test_documents_have_names(self):
        document = {"text": TEXT, "entities": MENTIONS}
        self.assertEqual(docre.annotated([document, document]).num_rows, 2)
        self.assertEqual(docre.annotated([document, document], ids=["x", "y"]).num_rows, 2)
        with self.assertRaisesRegex(docre.UsageError, "`ids`: expected as many as documents, 1, got 2"):
            docre.annotated([document], ids=["x", "y"])

    def test_what_is_no_document_is_refused(self):
        for wrong in ("text", 7):
            with self.assertRaises(TypeError):
                docre.annotated(wrong)
        self.assertEqual(docre.annotated([]).num_rows, 0)
        wrong = {
            "`text`: expected a text, got int": {"text": 5},
            "`text`: expected a text, got none": {"text": None},
            "`title`: expected a text, got int": {"title": 5},
            "`id`: expected a text or a whole number from 0, got -1": {"id": -1},
            "`id`: expected a text or a whole number from 0, got ' '": {"id": " "},
            "`id`: expected a text or a whole number from 0, got float": {"id": 1.5},
            "`relations`: expected a list, got str": {"relations": "none"},
            "expected what JSON can hold: .*surrogates": {"text": "A\ud800"},
            "expected what JSON can hold: .*[Ff]loat": {"more": float("nan")},
        }
        for words, changed in wrong.items():
            for entities in ([], [{"type": "X", "mentions": []}]):
                with self.subTest(words), self.assertRaisesRegex(docre.InputError, f"document 0.*: {words}"):
                    docre.annotated({"text": "A", **changed, "entities": entities})
        with self.assertRaisesRegex(docre.InputError, r"`ids\[0\]`: expected a text or a whole number from 0, got float"):
            docre.annotated({"text": "A", "entities": []}, ids=[0.5])
        with self.assertRaisesRegex(docre.InputError, "document 1: expected a document of spaCy or a dict .*, got str"):
            docre.annotated([{"text": "A", "entities": []}, "text"])

    def test_what_is_wrong_is_told_by_document_and_field(self):
        wrong = {
            "`entities`: expected a list, got none": None,
            "`entities`: expected a list, got str": "Ada Byron",
            r"`entities\[1\]`: expected a dict, got int": [MENTIONS[0], 7],
            r"`entities\[0\].end`: expected a whole number, got none": [{"start": 0, "label": "X"}],
            r"`entities\[0\].start`: expected a whole number, got float": [{"start": 0.5, "end": 1, "label": "X"}],
            r"`entities\[0\].label`: expected a text, got none": [{"start": 0, "end": 1}],
            r"`entities\[0\].kb_id`: expected a text, got int": [{**MENTIONS[0], "kb_id": 7259}],
            r"`entities\[0\].cluster`: expected a name or a number, got list": [{**MENTIONS[0], "cluster": [1]}],
            "expected what JSON can hold: .*set": [{"type": "X", "mentions": {1}}],
        }
        for words, entities in wrong.items():
            with self.subTest(words), self.assertRaisesRegex(docre.InputError, f'document 0 \\("a"\\): {words}') as caught:
                docre.annotated({"id": "a", "text": TEXT, "entities": entities})
            self.assertIsInstance(caught.exception, ValueError)
        with self.assertRaisesRegex(docre.InputError, r'document 1 \("y"\): '):
            docre.annotated([{"text": TEXT, "entities": MENTIONS}, {"text": TEXT}], ids=["x", "y"])

    @needs("numpy")
    def test_offsets_may_be_those_of_numpy(self):
        import numpy

        theirs = [{**own, "start": numpy.int64(own["start"]), "end": numpy.int32(own["end"])} for own in MENTIONS]
        self.assertEqual(docre.annotated({"id": "a", "text": TEXT, "entities": theirs}).num_rows, 1)

    @needs("spacy")
    def test_spacy(self):
        import spacy

        language = spacy.blank("en")
        ruler = language.add_pipe("entity_ruler")
        for own in MENTIONS:
            ruler.add_patterns([{"label": own["label"], "pattern": own["text"], "id": "E1"}])
        document = language(TEXT)
        named = [(ent.start_char, ent.label_) for ent in document.ents]
        self.assertEqual(named, [(own["start"], own["label"]) for own in MENTIONS])
        found = _annotated._document(document, 0, ["d"], {}, None)
        self.assertEqual([[own["start"] for own in entity["mentions"]] for entity in found["entities"]], [[0, 47], [14], [31], [60]])
        unknown = language(TEXT)
        unknown.ents = [spacy.tokens.Span(unknown, own.start, own.end, own.label_, kb_id="NIL") for own in unknown.ents]
        self.assertEqual(_annotated._document(unknown, 0, ["d"], {}, "wikidata"), found)
        document.spans["coref_clusters_1"] = [document.ents[1], document.ents[2]]
        found = _annotated._document(document, 0, ["d"], {}, None)
        self.assertEqual([[own["start"] for own in entity["mentions"]] for entity in found["entities"]], [[0, 47], [14, 31], [60]])
        self.assertEqual(docre.annotated(language.pipe([TEXT, TEXT]), ids=["a", "b"]).num_rows, 2)


if __name__ == "__main__":
    unittest.main()
