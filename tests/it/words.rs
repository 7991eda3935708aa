//! The ground floor's words: names of figures, excerpts, aligned tables, verdicts counted.

use docre::ground::aligned::{self, Side};
use docre::ground::counts::{Counts, Verdict};
use docre::ground::excerpt::{excerpt, quoted};
use docre::ground::figure::Figure;
use docre::ground::pattern::Pattern;
use docre::ground::scope::Scope;

#[test]
fn figures_are_read_in_one_order_and_found_by_their_names() {
    let order = Figure::in_reading_order();
    assert_eq!(order[..3], [Figure::F1(Scope::All), Figure::IgnF1, Figure::F1(Scope::Intra)]);
    for (place, figure) in order.into_iter().enumerate() {
        let (metric, scope) = figure.names();
        assert_eq!((Figure::named(metric, scope), Figure::place(metric, scope)), (Some(figure), place));
    }
    assert_eq!((Figure::named("F1", "elsewhere"), Figure::place("F1", "elsewhere")), (None, 22));
    for scope in Scope::ALL {
        assert!(Figure::named("F1", scope.name()) == Some(Figure::F1(scope)), "{scope:?}");
    }
}

#[test]
fn patterns_are_spelt_the_same_in_settings_and_tables() {
    for pattern in Pattern::ALL {
        assert_eq!(serde_json::to_string(&pattern).unwrap(), format!("\"{pattern}\""));
        assert_eq!(serde_json::from_str::<Pattern>(&format!("\"{pattern}\"")).unwrap(), pattern);
    }
    let refused = serde_json::from_str::<Pattern>("\"i>i\"").unwrap_err().to_string();
    assert_eq!(refused, "unknown pattern `i>i`, the nearest known one is `i>s,i>o`");
}

#[test]
fn an_excerpt_is_one_line_of_so_many_columns() {
    assert_eq!(excerpt("as it is", 8), "as it is");
    assert_eq!(excerpt("as it was", 8), "as it w…");
    assert_eq!(excerpt("", 0), "");
    // A wide character takes two columns, and is not cut in half.
    assert_eq!(excerpt("漢漢漢", 5), "漢漢…");
    assert_eq!(excerpt("a\n\u{202e}b", 20), "a\\n\\u{202e}b");
    // Nor is an escape.
    assert_eq!(excerpt("a\u{202e}b", 9), "a…");
    assert_eq!(quoted(&"x".repeat(50)), format!("`{}…`", "x".repeat(40)));
}

#[test]
fn columns_are_as_wide_as_their_widest_cell() {
    let cells = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
    let (heads, rows) = (cells(["name", "n"]), [cells(["漢字漢字", "1"]), cells(["a", "10"])]);
    let lines = |rule| aligned::lines(&heads, &[Side::Left, Side::Right], rule, &rows).collect::<Vec<_>>();
    assert_eq!(lines(None), ["name       n", "漢字漢字   1", "a         10"]);
    assert_eq!(lines(Some('-'))[1], "--------  --");
}

#[test]
fn counts_are_the_same_fact_by_fact_and_as_sets() {
    let mut counts = Counts::default();
    for verdict in [Verdict::Correct, Verdict::Wrong, Verdict::Wrong, Verdict::Missed, Verdict::Unjudged] {
        counts.add(verdict);
    }
    // Gold: 1 and 2; predicted: 1, 3 and 4.
    assert_eq!(counts, Counts::of(&[1, 2].into(), [1, 3, 4]));
    assert!((counts.f1() - 2.0 * 1.0 / (3.0 + 2.0)).abs() < 1e-12);
}
