-- The tables of a split → `annotated`, a row a document, as `docre convert --to annotated` makes it. In DuckDB:
--   SET VARIABLE split = 'corpora/cdr/dev';
--   CREATE VIEW annotated AS …, or COPY (…) TO 'dev.parquet', with what follows.
WITH
  sentence_lists AS (
    SELECT doc_id, list({token_start: token_start, token_end: token_end, text: text,
      char_start: char_start, char_end: char_end} ORDER BY sent_id) AS sentences
    FROM read_parquet(getvariable('split') || '/sentences/*.parquet') GROUP BY doc_id
  ),
  token_lists AS (
    SELECT doc_id, list({text: text, char_start: char_start, char_end: char_end} ORDER BY token_id) AS tokens
    FROM read_parquet(getvariable('split') || '/tokens/*.parquet') GROUP BY doc_id
  ),
  entity_lists AS (
    SELECT doc_id, list({name: name, type: type, kb_id: kb_id} ORDER BY entity_id) AS entities
    FROM read_parquet(getvariable('split') || '/entities/*.parquet') GROUP BY doc_id
  ),
  mention_lists AS (
    SELECT doc_id, list({entity_id: entity_id, token_start: token_start, token_end: token_end, name: name,
      type: type} ORDER BY entity_id NULLS LAST, mention_id) AS mentions
    FROM read_parquet(getvariable('split') || '/mentions/*.parquet') GROUP BY doc_id
  ),
  pair_lists AS (
    SELECT doc_id, count(*) AS n_pairs, bool_and(candidate) AS all_candidates,
      list({head: head, tail: tail, candidate: candidate} ORDER BY head, tail) AS pairs
    FROM read_parquet(getvariable('split') || '/pairs/*.parquet') GROUP BY doc_id
  ),
  fact_lists AS (
    SELECT doc_id, list({head: head, tail: tail, relation: relation, label: label, undirected: undirected,
      evidence: evidence, attributes: attributes} ORDER BY head, tail, relation) AS facts
    FROM read_parquet(getvariable('split') || '/facts/*.parquet') AS facts
    JOIN read_parquet(getvariable('split') || '/relation_types/*.parquet') AS types USING (relation) GROUP BY doc_id
  )
SELECT doc_id, title, coalesce(sentences, []) AS sentences, coalesce(tokens, []) AS tokens,
  coalesce(entities, []) AS entities, coalesce(mentions, []) AS mentions,
  -- Every ordered pair, which goes without saying.
  CASE WHEN coalesce(n_pairs, 0) = n_entities::BIGINT * (n_entities::BIGINT - 1) AND coalesce(all_candidates, true)
    THEN NULL ELSE coalesce(pairs, []) END AS pairs,
  CASE WHEN labelled THEN coalesce(facts, []) END AS facts
FROM read_parquet(getvariable('split') || '/documents/*.parquet')
LEFT JOIN sentence_lists USING (doc_id)
LEFT JOIN token_lists USING (doc_id)
LEFT JOIN entity_lists USING (doc_id)
LEFT JOIN mention_lists USING (doc_id)
LEFT JOIN pair_lists USING (doc_id)
LEFT JOIN fact_lists USING (doc_id)
ORDER BY position
