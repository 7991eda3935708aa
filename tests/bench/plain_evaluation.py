"""The official metrics of DocRED in plain Python, as a peer for `make bench`: F1, IgnF1 and evidence F1.

Written anew from their definition: sets of (title, head, tail, relation); for IgnF1, correct predictions that stand
among the training facts by any pair of mention names leave precision.
"""

import json
import sys


def f1(correct, predicted, gold, known=0):
    precision = (correct - known) / (predicted - known) if predicted > known else 0.0
    recall = correct / gold if gold else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def main(gold_path, predictions_path, facts_path):
    with open(gold_path) as file:
        documents = {document["title"]: document for document in json.load(file)}
    with open(predictions_path) as file:
        predictions = {}
        for p in json.load(file):
            predictions.setdefault((p["title"], p["h_idx"], p["t_idx"], p["r"]), set(p.get("evidence", [])))
    with open(facts_path) as file:
        training = {tuple(fact) for fact in json.load(file)}
    gold = {
        (title, label["h"], label["t"], label["r"]): set(label["evidence"])
        for title, document in documents.items()
        for label in document["labels"]
    }
    correct = [fact for fact in predictions if fact in gold]

    def known(fact):
        title, head, tail, relation = fact
        entities = documents[title]["vertexSet"]
        return any((h["name"], t["name"], relation) in training for h in entities[head] for t in entities[tail])

    n_known = sum(map(known, correct))
    evidence = sum(len(predictions[fact] & gold[fact]) for fact in correct)
    print("F1", f1(len(correct), len(predictions), len(gold)))
    print("IgnF1", f1(len(correct), len(predictions), len(gold), n_known))
    print("evidence F1", f1(evidence, sum(map(len, predictions.values())), sum(map(len, gold.values()))))


if __name__ == "__main__":
    main(*sys.argv[1:])
