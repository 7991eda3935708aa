"""Documents in which other programs have marked entities."""

import unittest
import warnings

import docre
from docre import _annotated
from support import needs

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

    def test_one_name_of_two_things_is_two_entities(self):
        two = [{**MENTIONS[0], "kb_id": "Q1"}, {**MENTIONS[3], "kb_id": "Q2"}]
        self.assertEqual(grouped(two), [([0], "wikidata:Q1"), ([47], "wikidata:Q2")])

    def test_types_are_renamed_and_left_out(self):
        self.assertEqual(len(grouped(MENTIONS, types={"LOC": None})), 3)
        table = docre.annotated({"id": "a", "text": TEXT, "entities": MENTIONS}, types={"PER": "PERSON"})
        self.assertEqual((table.num_rows, table.column_names), (1, docre.schema("annotated").column_names))

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
        document.spans["coref_clusters_1"] = [document.ents[1], document.ents[2]]
        found = _annotated._document(document, 0, ["d"], {}, None)
        self.assertEqual([[own["start"] for own in entity["mentions"]] for entity in found["entities"]], [[0, 47], [14, 31], [60]])
        self.assertEqual(docre.annotated(language.pipe([TEXT, TEXT]), ids=["a", "b"]).num_rows, 2)


if __name__ == "__main__":
    unittest.main()
