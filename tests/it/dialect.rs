//! The SQL of `docre query`: what it gives, and what it refuses in words.

use std::path::Path;

use tempfile::TempDir;

use crate::support::{docre, rows};

/// A small synthetic split.
fn split() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let out = folder.path().to_str().unwrap();
    let run = docre(["synthesize", "--documents", "6", "--split", "dev", "--out", out]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let dev = format!("{out}/dev");
    (folder, dev)
}

/// A part, a key with peers, a value, one of them missing.
const T: &str = "WITH t(p, k, x) AS (VALUES ('a', 1, 10), ('a', 2, 20), ('a', 2, 30), ('b', 1, 5), ('b', 3, NULL))";

fn check(dev: &str, cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        let got = rows(Path::new(dev), &format!("{T} {sql}"));
        assert_eq!(got.join(" "), *expected, "{sql}");
    }
}

fn said(dev: &str, sql: &str) -> String {
    let run = docre(["query", dev, sql]);
    assert_eq!(run.code, Some(1), "{sql}: {}", run.stdout);
    run.stderr
}

#[test]
fn windows_count_what_sql_counts() {
    let (_folder, dev) = split();
    check(
        &dev,
        &[
            // Peers, the two rows of k = 2, see each other.
            ("SELECT p, k, sum(x) OVER (PARTITION BY p ORDER BY k) AS s FROM t", "a,1,10 a,2,60 a,2,60 b,1,5 b,3,5"),
            ("SELECT x, sum(x) OVER (ORDER BY k DESC) AS s FROM t", "10,65 20,50 30,50 5,65 ,"),
            (
                "SELECT x, count(*) OVER (ORDER BY k) AS n, count(x) OVER (ORDER BY k) AS m FROM t",
                "10,2,2 20,4,4 30,4,4 5,2,2 ,5,4",
            ),
            ("SELECT x, avg(x) OVER (PARTITION BY p ORDER BY x) AS s FROM t WHERE p = 'a'", "10,10.0 20,15.0 30,20.0"),
            (
                "SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS s FROM t WHERE p = 'a'",
                "10,30 20,60 30,50",
            ),
            (
                "SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS s FROM t WHERE p = 'a'",
                "10,60 20,50 30,30",
            ),
            (
                "SELECT x, rank() OVER (ORDER BY k) AS r, dense_rank() OVER (ORDER BY k) AS d FROM t",
                "10,1,1 20,3,2 30,3,2 5,1,1 ,5,3",
            ),
            ("SELECT x, row_number() OVER (PARTITION BY p ORDER BY k DESC, x) AS n FROM t", "10,3 20,1 30,2 5,2 ,1"),
            ("SELECT x, x - lag(x, 1, 0) OVER (ORDER BY x) AS d FROM t WHERE x > 5", "10,10 20,10 30,10"),
            ("SELECT x, ntile(2) OVER (ORDER BY x) AS n FROM t WHERE p = 'a'", "10,1 20,1 30,2"),
            ("SELECT sum(x) OVER () AS s FROM t WHERE p = 'a'", "60 60 60"),
            ("SELECT median(x) OVER (PARTITION BY p) AS m FROM t", "20.0 20.0 20.0 5.0 5.0"),
            (
                "SELECT p, sum(count(*)) OVER () AS n, count(*) * 1.0 / sum(count(*)) OVER () AS share FROM t GROUP BY p",
                "a,5,0.6 b,5,0.4",
            ),
            (
                "SELECT p, x FROM t QUALIFY row_number() OVER (PARTITION BY p ORDER BY x DESC NULLS LAST) = 1",
                "a,30 b,5",
            ),
            ("SELECT p, rank() OVER w AS r FROM t WINDOW w AS (ORDER BY k, x)", "a,2 a,3 a,4 b,1 b,5"),
        ],
    );
}

#[test]
fn groups_are_ordered_and_named_by_what_they_count() {
    let (_folder, dev) = split();
    check(
        &dev,
        &[
            ("SELECT p FROM t GROUP BY p ORDER BY count(*), p", "b a"),
            ("SELECT p, count(*) FROM t GROUP BY p ORDER BY count(*) DESC, p LIMIT 1", "a,3"),
            ("SELECT p, max(x) - min(k) FROM t GROUP BY p ORDER BY sum(x) - 100 DESC", "a,29 b,4"),
            ("SELECT k AS key, count(*) AS n FROM t GROUP BY key HAVING n > 1 ORDER BY key", "1,2 2,2"),
            ("SELECT k > 1 AS many, count(*) FROM t GROUP BY many", "false,2 true,3"),
            ("SELECT k + 1, count(*) FROM t GROUP BY k + 1 ORDER BY 1", "2,2 3,2 4,1"),
            ("SELECT max(k) AS m FROM t HAVING max(k) > 3", ""),
            ("SELECT sum(x > 5) - 10 AS s, count(*) FILTER (WHERE x > 5) - 10 AS n FROM t", "-7,-7"),
            ("SELECT string_agg(p, '; ') FILTER (WHERE k > 1) AS s FROM t", "a; a; b"),
            ("SELECT quantile_cont(x, 1.0) FILTER (WHERE p = 'a') AS s FROM t", "30.0"),
            ("SELECT sum(x ORDER BY k DESC) AS s, array_agg(x ORDER BY x DESC)[1] AS m FROM t WHERE p = 'a'", "60,30"),
            ("SELECT p, len(array_agg(x)) AS n FROM t GROUP BY p", "a,3 b,2"),
            ("SELECT upper('x') AS u, abs(-1) AS a FROM t WHERE p = 'a'", "X,1 X,1 X,1"),
            ("SELECT DISTINCT ON (p) p, x FROM t ORDER BY p, x DESC NULLS LAST", "a,30 b,5"),
        ],
    );
}

#[test]
fn subqueries_stand_where_values_do() {
    let (_folder, dev) = split();
    check(
        &dev,
        &[
            ("SELECT x FROM t WHERE x > (SELECT avg(x) FROM t) ORDER BY x", "20 30"),
            ("SELECT x - (SELECT min(x) FROM t) AS d FROM t WHERE p = 'a'", "5 15 25"),
            ("SELECT (SELECT count(*) FROM t) AS n, (SELECT max(x) FROM t WHERE p = 'c') AS m", "5,"),
            (
                "SELECT p FROM t GROUP BY p HAVING count(*) = (SELECT max(n) FROM (SELECT count(*) AS n FROM t GROUP BY p))",
                "a",
            ),
            ("SELECT x FROM t WHERE x = 5 OR k IN (SELECT max(k) FROM t WHERE p = 'a')", "20 30 5"),
            ("SELECT x FROM t WHERE (p, k) IN (SELECT p, max(k) FROM t GROUP BY p)", "\"\" 20 30"),
            ("SELECT x FROM t WHERE (p, k) IN (('a', 1), ('b', 1))", "10 5"),
            ("SELECT x FROM t WHERE EXISTS (SELECT 1 FROM t AS u WHERE u.k = t.k AND u.p = 'b')", "10 5 \"\""),
            ("SELECT x FROM t WHERE NOT EXISTS (SELECT 1 FROM t AS u WHERE u.k = t.k AND u.p = 'b')", "20 30"),
            // An order tells nothing there.
            (
                "SELECT x FROM t WHERE EXISTS (SELECT x FROM t AS u WHERE u.k = t.k AND u.p = 'b' ORDER BY u.x)",
                "10 5 \"\"",
            ),
            // Of constants there are as many as there are rows.
            ("SELECT count(*) FROM t WHERE k IN (SELECT 2 FROM t)", "2"),
            ("SELECT count(*) FROM t WHERE p NOT IN (SELECT 'a')", "2"),
        ],
    );
}

#[test]
fn joins_keep_what_sql_keeps() {
    let (_folder, dev) = split();
    check(
        &dev,
        &[
            ("SELECT a.x, b.x FROM t a JOIN t b ON a.p = b.p AND a.x < b.x ORDER BY 1, 2", "10,20 10,30 20,30"),
            ("SELECT a.x, b.x FROM t a LEFT JOIN t b ON a.k = b.k AND b.p = 'b' ORDER BY 1, 2", "5,5 10,5 20, 30, ,"),
            ("SELECT k, count(*) FROM t JOIN (SELECT k FROM t WHERE p = 'b') u USING (k) GROUP BY k", "1,2 3,1"),
            ("SELECT * FROM t JOIN (SELECT 3 AS k) u USING (k)", "b,3,"),
            // Text is no name, whatever it looks like.
            (
                "SELECT p || '__c1' AS q, count(*) FROM t GROUP BY p HAVING max(p) <> '__c2' ORDER BY 1",
                "a__c1,3 b__c1,2",
            ),
            // What stands before a comma is joined last.
            (
                "SELECT a.x, c.k FROM (SELECT x, k FROM t WHERE p = 'b') b RIGHT JOIN (SELECT 9 AS k) c ON b.k = c.k, t a \
                 WHERE a.p = 'a'",
                "10,9 20,9 30,9",
            ),
            // The name of a CTE and of an alias goes before that of a table.
            ("SELECT count(*) FROM (SELECT 1 AS one) AS facts", "1"),
        ],
    );
}

#[test]
fn quotients_and_rests_are_those_of_sql() {
    let (_folder, dev) = split();
    check(
        &dev,
        &[
            ("SELECT -7 % 3 AS m, 7 % -3 AS n, -7 // 2 AS q, mod(-7, 3) AS o", "-1,1,-3,-1"),
            (
                "SELECT round(2.5) AS a, round(-2.5) AS b, round(0.125, 2) AS c, round(1.0 / 3, 2) AS d",
                "3.0,-3.0,0.13,0.33",
            ),
            ("SELECT log(100) AS a, log(2, 8) AS b, len('four') AS c, length([1, 2]) AS d", "2.0,3.0,4,2"),
            ("SELECT - -k AS k FROM t WHERE p = 'a'", "1 2 2"),
            ("SELECT round(x / 1000, 3) AS r FROM (VALUES (7), (26), (29), (57)) AS u(x)", "0.007 0.026 0.029 0.057"),
            ("SELECT list_sum([1, 2]) AS a, list_sum(array_agg(x)) IS NULL AS b FROM t WHERE p = 'c'", "3,true"),
        ],
    );
}

#[test]
fn numbers_of_a_statement_are_as_wide_as_those_of_tables() {
    let (_folder, dev) = split();
    check(
        &dev,
        &[
            ("SELECT n * n FROM (SELECT 100000 AS n)", "10000000000"),
            (
                "SELECT n * 1000000000 FROM (SELECT CASE WHEN k > 1 THEN 3 ELSE NULL END AS n FROM t WHERE p = 'b')",
                "\"\" 3000000000",
            ),
            ("SELECT CAST(k AS INT) * 3000000000 FROM t WHERE x = 30", "6000000000"),
            ("SELECT CAST(2000000000 AS INTEGER) + CAST(2000000000 AS INTEGER) AS n", "4000000000"),
            (
                "SELECT CASE WHEN k > 1 THEN 3 ELSE 1 END * 1000000000 AS n FROM t WHERE p = 'b'",
                "1000000000 3000000000",
            ),
            (
                "SELECT coalesce(NULL, 2000000000) * 2 AS a, abs(-2000000000) - -2000000000 AS b",
                "4000000000,4000000000",
            ),
            ("SELECT sum(CASE WHEN k > 1 THEN 2000000000 ELSE 0 END * 2) AS n FROM t WHERE p = 'b'", "4000000000"),
            ("SELECT CAST(k AS SMALLINT) * 30000 AS y, k::TINYINT * 100 AS z FROM t WHERE x = 30", "60000,200"),
            ("SELECT v + v FROM (VALUES (1), (3000000000)) AS u(v)", "2 6000000000"),
            ("SELECT v FROM (VALUES (-(-1)), (+2), (-(3))) AS u(v)", "1 2 -3"),
            // The first row alone does not say what a column is.
            ("SELECT v FROM (VALUES (1), (2.5), (NULL), (-0.5)) AS u(v)", "1.0 2.5 \"\" -0.5"),
            ("SELECT v FROM (VALUES (NULL), (-7)) AS u(v)", "\"\" -7"),
        ],
    );
}

#[test]
fn places_in_texts_are_counted_in_characters() {
    let (_folder, dev) = split();
    check(
        &dev,
        &[
            ("SELECT substr('Bodø kommune', strpos('Bodø kommune', 'k')) AS s", "kommune"),
            (
                "SELECT position('k' IN 'Bodø k') AS a, instr('øx', 'y') AS b, strpos('a', '') AS c, strpos(NULL, 'a') AS d",
                "6,0,1,",
            ),
        ],
    );
}

#[test]
fn columns_bear_names_of_their_own() {
    let (_folder, dev) = split();
    let header = |sql: &str| {
        let run = docre(["query", &dev, sql, "--format", "csv"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stdout.lines().next().unwrap().to_owned()
    };
    for (sql, expected) in [
        ("SELECT max(n_tokens), min(n_tokens) FROM documents", "max(n_tokens),min(n_tokens)"),
        (
            "SELECT a.doc_id, b.doc_id, a.head AS doc_id FROM facts a JOIN facts b USING (doc_id)",
            "doc_id,doc_id_1,doc_id_2",
        ),
        ("SELECT *, head FROM facts", "doc_id,head,tail,relation,evidence,attributes,head_1"),
        ("SELECT * EXCLUDE (evidence, attributes) FROM facts", "doc_id,head,tail,relation"),
        ("SELECT count(*), 1, upper(relation) FROM facts GROUP BY relation", "count(*),1,upper(relation)"),
        ("SELECT HEAD FROM Facts", "head"),
    ] {
        assert_eq!(header(sql), expected, "{sql}");
    }
    assert_eq!(rows(Path::new(&dev), "DESCRIBE facts")[..2], ["doc_id,Utf8", "head,UInt32"]);
    let lists = "SELECT count(*) FROM facts WHERE list_length(evidence) = len(evidence) AND list_contains(evidence, evidence[1])";
    assert_eq!(rows(Path::new(&dev), lists), rows(Path::new(&dev), "SELECT count(*) FROM facts"));
}

#[test]
fn what_is_not_had_is_refused_by_its_name_and_with_a_way_around() {
    let (_folder, dev) = split();
    for (sql, construct) in [
        (
            "SELECT d.doc_id, (SELECT count(*) FROM facts f WHERE f.doc_id = d.doc_id) FROM documents d",
            "names `doc_id` of the statement around it",
        ),
        (
            "SELECT head FROM facts WHERE (head, tail) NOT IN (SELECT head, tail FROM facts)",
            "NOT IN of several columns",
        ),
        ("SELECT head FROM facts WHERE head > ALL (SELECT tail FROM facts)", "ANY or ALL of a subquery"),
        (
            "SELECT sum(head) OVER (ORDER BY head RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM facts",
            "a frame of RANGE",
        ),
        ("SELECT median(head) OVER (ORDER BY tail) FROM facts", "`median` of a running window"),
        ("SELECT string_agg(relation, ',') OVER (PARTITION BY head) FROM facts", "`string_agg` of a window"),
        ("SELECT corr(head, tail) OVER () FROM facts", "`corr` of a window"),
        ("SELECT first(head ORDER BY tail) FROM facts", "ORDER BY of `first`"),
        ("SELECT relation FROM facts GROUP BY ROLLUP (relation)", "ROLLUP"),
        ("WITH RECURSIVE r AS (SELECT 1) SELECT * FROM r", "WITH RECURSIVE"),
        ("SELECT head FROM facts WHERE count(*) > 1", "an aggregate in WHERE"),
        (
            "SELECT a.head FROM facts a LEFT JOIN facts b ON a.head < b.head",
            "a LEFT JOIN whose ON is more than equations",
        ),
        ("SELECT 1 FROM facts a, facts b RIGHT JOIN facts c ON b.head = c.head", "a RIGHT JOIN behind a comma"),
        (
            "SELECT string_agg(DISTINCT relation, ',' ORDER BY relation) FROM facts",
            "DISTINCT with ORDER BY in `string_agg`",
        ),
        ("SELECT (head, tail) FROM facts", "is not understood"),
        ("SELECT head FROM facts LIMIT head", "LIMIT or OFFSET of `head`"),
    ] {
        let said = said(&dev, sql);
        assert!(said.contains(construct) && said.contains("\nhint: "), "{sql}: {said}");
        assert!(!said.contains("Ident") && !said.contains("tables here") && !said.contains("__"), "{sql}: {said}");
    }
}

#[test]
fn a_wrong_name_is_told_with_the_one_that_was_meant() {
    let (folder, dev) = split();
    for (sql, expected) in [
        ("SELECT relatoin FROM facts", "error: no column is named `relatoin`\nhint: did you mean `relation`"),
        ("SELECT f.nme FROM facts f", "error: no column of `f` is named `nme`"),
        ("SELECT g.head FROM facts f", "error: `g` is no table of the statement's FROM: `g.head`\nhint: there is `f`"),
        (
            "SELECT doc_id FROM facts f JOIN entities e ON f.doc_id = e.doc_id",
            "error: `doc_id` is a column of several: `f`, `e`\nhint: say which",
        ),
        ("SELECT * FROM fact", "error: no table is named `fact`\ntables here: documents, entities, facts"),
        ("SELECT lenght(relation) FROM facts", "error: no function is named `lenght`\nhint: did you mean `length`"),
        (
            "SELECT relation, head FROM facts GROUP BY relation",
            "error: `head` is neither in GROUP BY nor in an aggregate",
        ),
        (
            "SELECT head FROM facts WHERE head > (SELECT tail FROM facts)",
            "error: expected a subquery of one row at most, got more",
        ),
        ("SELECT head FROM facts WHERE", "error: this is no SQL: "),
    ] {
        let said = said(&dev, sql);
        assert!(said.starts_with(expected), "{sql}: {said}");
    }
    let above = said(folder.path().to_str().unwrap(), "SELECT * FROM dev_fcts");
    assert!(
        above.contains("hint: did you mean `facts`") || above.contains("hint: did you mean `dev_facts`"),
        "{above}"
    );
}

#[test]
fn rewritten_statements_are_limited_as_they_are_written() {
    let (_folder, dev) = split();
    let nested = |levels: usize| {
        (0..levels).fold("SELECT head FROM facts".to_owned(), |inner, _| {
            format!("SELECT max(head) AS head FROM ({inner}) AS t")
        })
    };
    assert_eq!(rows(Path::new(&dev), &nested(8)).len(), 1);
    let doubled: String = (1..60).map(|step| format!(", c{}||c{} AS c{step}", step - 1, step - 1)).collect();
    let chain = vec!["head"; 200].join(" % ");
    for sql in
        [nested(250), format!("SELECT relation AS c0{doubled} FROM facts"), format!("SELECT {chain} AS n FROM facts")]
    {
        let run = docre(["query", &dev, &sql]);
        let is_said = run.stderr.starts_with("error: expected a statement");
        assert!(run.code == Some(0) || run.code == Some(1) && is_said, "{}: {:?} {}", &sql[..60], run.code, run.stderr);
    }
    let slow = "SELECT head FROM facts WHERE head > (SELECT count(*) FROM tokens a, tokens b, tokens c, tokens d WHERE a.text < b.text)";
    let run = docre(["query", &dev, slow, "--timeout", "1", "--memory", "4GB"]);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
}

#[test]
fn three_valued_logic_is_that_of_sql() {
    let (_folder, dev) = split();
    check(
        &dev,
        &[
            // Of one precedence with a comparison: what follows an AND is another condition.
            ("SELECT k FROM t WHERE x IS DISTINCT FROM 10 AND k < 3 ORDER BY x", "1 2 2"),
            ("SELECT x FROM t WHERE x IS NOT DISTINCT FROM 5 OR k = 1 ORDER BY x", "5 10"),
            ("SELECT k FROM t WHERE (x = 10) IS NOT TRUE AND p = 'b' ORDER BY k", "1 3"),
            ("SELECT k FROM t WHERE (x = 10) IS UNKNOWN", "3"),
            ("SELECT p, count(*) AS n FROM t GROUP BY p HAVING count(*) IN (SELECT max(k) FROM t)", "a,3"),
            ("/* half */ SELECT k FROM t WHERE k > 25e-1", "3"),
        ],
    );
}

#[test]
fn columns_of_two_types_are_joined_by_a_cast_alone() {
    let (_folder, dev) = split();
    let both = format!("{T}, u(y, s) AS (VALUES (1.0, '1'), (2.5, '2'))");
    let texts =
        "expected columns of one type to be joined or looked for with IN, got `k`, a whole number, and `s`, a text";
    let fractions =
        "expected columns of one type to be joined or looked for with IN, got `k`, a whole number, and `y`, a fraction";
    for (sql, expected) in [
        ("SELECT x FROM t JOIN u ON k = y", fractions),
        ("SELECT x FROM t LEFT JOIN u ON k = y", fractions),
        ("SELECT x FROM t WHERE k IN (SELECT y FROM u)", fractions),
        ("SELECT x FROM t WHERE k NOT IN (SELECT y FROM u)", fractions),
        ("SELECT x FROM t WHERE EXISTS (SELECT 1 FROM u WHERE y = k)", ""),
        ("SELECT x FROM t JOIN u ON k = s", texts),
    ] {
        let told = said(&dev, &format!("{both} {sql}"));
        assert!(told.contains(expected) && told.contains("hint: CAST(…"), "{sql}: {told}");
        assert!(!told.contains("join keys") && !told.contains("__c"), "{sql}: {told}");
    }
    for (sql, expected) in [
        ("SELECT x FROM t JOIN u ON CAST(k AS DOUBLE) = y", "5 10"),
        ("SELECT x FROM t WHERE CAST(k AS DOUBLE) IN (SELECT y FROM u)", "10 5"),
        // Where no join is made of it, numbers are compared.
        ("SELECT k IN (SELECT y FROM u) AS it FROM t WHERE p = 'a'", "true false false"),
    ] {
        assert_eq!(rows(Path::new(&dev), &format!("{both} {sql}")).join(" "), expected, "{sql}");
    }
}

#[test]
fn windows_are_asked_for_rows_by_qualify() {
    let (_folder, dev) = split();
    check(
        &dev,
        &[
            ("SELECT x, rank() OVER (ORDER BY k) AS r FROM t QUALIFY r = 3", "20,3 30,3"),
            ("SELECT p, sum(x) AS s FROM t GROUP BY p QUALIFY rank() OVER (ORDER BY sum(x) DESC) = 1", "a,60"),
            ("SELECT x FROM t WHERE p = 'a' QUALIFY count(*) OVER (PARTITION BY k) > 1", "20 30"),
            // Without a window it says what WHERE says.
            ("SELECT x FROM t QUALIFY k = 2", "20 30"),
        ],
    );
}

#[test]
fn a_bare_table_is_a_statement_and_no_part_of_one() {
    let (_folder, dev) = split();
    let all = rows(Path::new(&dev), "SELECT * FROM facts");
    for sql in ["TABLE facts", "FROM facts", "(FROM facts)", "(SELECT * FROM facts)", "-- all\nTABLE facts"] {
        assert_eq!(rows(Path::new(&dev), sql), all, "{sql}");
    }
    for sql in ["(TABLE facts)", "EXPLAIN TABLE facts", "DESCRIBE TABLE facts", "SELECT * FROM (TABLE facts) AS f"] {
        let told = said(&dev, sql);
        assert!(
            told.starts_with("error: `TABLE` within a statement is not understood here\nhint: write FROM"),
            "{told}"
        );
    }
    assert!(!rows(Path::new(&dev), "EXPLAIN FROM facts").is_empty());
}

#[test]
fn what_is_no_number_is_shown() {
    let (_folder, dev) = split();
    let shown = |format: &str| {
        let run = docre(["query", &dev, "SELECT 1 / 0 AS a, -1.5 / 0 AS b, 0 / 0 AS c, NULL AS d", "--format", format]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stdout
    };
    assert_eq!(shown("csv"), "a,b,c,d\ninf,-inf,NaN,\n");
    let table = shown("table");
    assert_eq!(table.lines().last().unwrap().split_whitespace().collect::<Vec<_>>(), ["inf", "-inf", "NaN"], "{table}");
    assert_eq!(shown("json"), "{\"a\":null,\"b\":null,\"c\":null,\"d\":null}\n");
}
