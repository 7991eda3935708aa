-- A baseline without a model: for two entities that share a sentence, the relation that train has most often between
-- entities of their types. Run over a folder with the splits `train` and `test`.
WITH typed AS (
  SELECT head.type AS head_type, tail.type AS tail_type, fact.relation, count(*) AS n
  FROM train_facts AS fact
  JOIN train_entities AS head ON fact.doc_id = head.doc_id AND fact.head = head.entity_id
  JOIN train_entities AS tail ON fact.doc_id = tail.doc_id AND fact.tail = tail.entity_id
  GROUP BY head_type, tail_type, relation
),
most AS (
  SELECT head_type, tail_type, max(n) AS n FROM typed GROUP BY head_type, tail_type
)
SELECT 'most common relation' AS run_id, pair.doc_id, pair.head, pair.tail, typed.relation
FROM test_pairs AS pair
JOIN test_entities AS head ON pair.doc_id = head.doc_id AND pair.head = head.entity_id
JOIN test_entities AS tail ON pair.doc_id = tail.doc_id AND pair.tail = tail.entity_id
JOIN most ON head.type = most.head_type AND tail.type = most.tail_type
JOIN typed ON most.head_type = typed.head_type AND most.tail_type = typed.tail_type AND most.n = typed.n
WHERE pair.intra
