"""A DocRED file with one document of N entities, each mentioned twice: python3 large.py N > large.json"""

import json
import random
import sys

PER_SENTENCE = 8


def document(n_entities: int) -> dict:
    draw = random.Random(n_entities)
    mentioned = list(range(n_entities)) * 2
    draw.shuffle(mentioned)
    sentences, entities = [], [[] for _ in range(n_entities)]
    for first in range(0, len(mentioned), PER_SENTENCE):
        tokens = []
        for entity in mentioned[first : first + PER_SENTENCE]:
            name = chr(ord("A") + entity % 26)
            place = {"name": name, "type": "MISC", "sent_id": len(sentences), "pos": [len(tokens), len(tokens) + 1]}
            entities[entity].append(place)
            tokens.append(name)
        sentences.append(tokens)
    facts = [{"r": "P17", "h": head, "t": head + 1, "evidence": []} for head in range(0, n_entities - 1, 2)]
    return {"title": f"{n_entities} entities", "sents": sentences, "vertexSet": entities, "labels": facts}


json.dump([document(int(sys.argv[1]))], sys.stdout)
