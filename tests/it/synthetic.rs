//! The synthetic corpus: documents depend on options and index alone, and their gold facts are closed under the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use docre::corpus::synthetic::{self, Generated, Options};
use docre::ground::pattern::Pattern;
use docre::ground::settings::Settings;
use tempfile::TempDir;

use crate::support::docre;

/// Head, relation, tail.
type Triple = (u32, String, u32);

/// The rules as the module's documentation tables them: pattern, relation of s and i, relation of i and o, conclusion.
const RULES: [(&str, &str, &str, &str); 11] = [
    ("s>i,i>o", "P19", "P17", "P27"),
    ("s>i,i>o", "P159", "P17", "P17"),
    ("s>i,i>o", "P361", "P17", "P17"),
    ("s>i,i>o", "P108", "P361", "P108"),
    ("s>i,i>o", "P26", "P40", "P40"),
    ("s>i,o>i", "P108", "P108", "P1327"),
    ("s>i,o>i", "P40", "P40", "P26"),
    ("o>i,i>s", "P108", "P50", "P1056"),
    ("o>i,i>s", "P40", "P40", "P1038"),
    ("i>s,i>o", "P40", "P40", "P3373"),
    ("i>s,i>o", "P50", "P50", "P1327"),
];

#[test]
fn the_same_seed_gives_the_same_documents() {
    let documents: String = (0..20).map(|index| render(&synthetic::document(&Options::default(), index))).collect();
    let hash = blake3::hash(documents.as_bytes()).to_hex();
    assert_eq!(&hash[..32], "c497a5446a7ab8974b2be97daa24057e");
}

#[test]
fn a_document_depends_on_its_index_and_not_on_those_before() {
    let options = Options { seed: 7, ..Options::default() };
    let forwards: Vec<Generated> = (0..50).map(|index| synthetic::document(&options, index)).collect();
    let mut backwards: Vec<Generated> = (0..50).rev().map(|index| synthetic::document(&options, index)).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    assert_ne!(forwards[3], synthetic::document(&Options::default(), 3));
    let ids: BTreeSet<_> = forwards.iter().map(|made| &made.document.id).collect();
    assert_eq!(ids.len(), 50);
}

#[test]
fn default_documents_are_sound() {
    check(&Options::default(), 400);
}

#[test]
fn facts_of_all_patterns_follow_and_no_pattern_is_rare() {
    let (mut facts, mut implied, mut deep) = (0, 0, 0);
    let mut by_pattern: BTreeMap<Pattern, usize> = BTreeMap::new();
    for index in 0..400 {
        let made = synthetic::document(&Options::default(), index);
        facts += made.document.facts.iter().flatten().count();
        implied += made.implied.len();
        deep += made.implied.iter().filter(|row| row.depth == 2).count();
        for row in &made.implied {
            *by_pattern.entry(row.pattern).or_default() += 1;
        }
    }
    assert!((30..40).contains(&(100 * implied / facts)), "{implied} of {facts} facts are implied");
    assert_eq!(by_pattern.len(), 4);
    for (pattern, count) in by_pattern {
        assert!(100 * count / implied >= 15, "{count} of {implied} by {pattern}");
    }
    assert!(deep > 0);
}

#[test]
fn relations_that_follow_are_also_stated() {
    let mut stated = BTreeSet::new();
    let mut implied = BTreeSet::new();
    for index in 0..200 {
        let made = synthetic::document(&Options::default(), index);
        stated.extend(stated_facts(&made).into_iter().map(|(_, relation, _)| relation));
        implied.extend(made.implied.iter().map(|row| row.relation.to_string()));
    }
    let known: BTreeSet<String> = synthetic::relation_labels().iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stated, known);
    assert_eq!(implied, RULES.iter().map(|rule| rule.3.to_owned()).collect());
}

#[test]
fn a_share_of_zero_implies_nothing() {
    let options = Options { implied_share: 0.0, ..Options::default() };
    check(&options, 200);
    assert!((0..200).all(|index| synthetic::document(&options, index).implied.is_empty()));
}

#[test]
fn a_corpus_can_be_made_of_one_pattern() {
    for pattern in Pattern::ALL {
        let options = Options { patterns: vec![pattern], ..Options::default() };
        check(&options, 100);
        let made: Vec<Generated> = (0..100).map(|index| synthetic::document(&options, index)).collect();
        assert!(made.iter().flat_map(|made| &made.implied).all(|row| row.pattern == pattern));
        assert!(made.iter().map(|made| made.implied.len()).sum::<usize>() > 200, "{pattern}");
    }
}

#[test]
fn chains_reach_the_allowed_length_and_no_further() {
    for chain_length in 1..=4 {
        let options = Options { chain_length, facts: 20, implied_share: 0.5, ..Options::default() };
        check(&options, 300);
        let depths = (0..300).flat_map(|index| synthetic::document(&options, index).implied).map(|row| row.depth);
        assert_eq!(depths.max(), Some(chain_length));
    }
}

#[test]
fn extreme_options_give_sound_documents() {
    for (facts, distractors, across, paraphrase) in
        [(4, 0, 0.0, 0.0), (4, 50, 1.0, 1.0), (100, 0, 0.5, 0.5), (10, 200, 1.0, 0.0)]
    {
        let options = Options { facts, distractors, across, paraphrase, ..Options::default() };
        check(&options, 30);
    }
}

#[test]
fn distractors_add_sentences_and_no_facts() {
    let few = Options { across: 0.0, distractors: 0, ..Options::default() };
    let many = Options { distractors: 50, ..few.clone() };
    for index in 0..50 {
        let (few, many) = (synthetic::document(&few, index), synthetic::document(&many, index));
        assert_eq!(few.document.facts.map(|facts| facts.len()), many.document.facts.map(|facts| facts.len()));
        let added = many.document.sentences.len() - few.document.sentences.len();
        assert!((45..=50).contains(&added), "{added} sentences for 50 distractors");
    }
}

#[test]
fn label_noise_takes_labels_and_leaves_the_text() {
    let options = Options { label_noise: 0.3, ..Options::default() };
    let (mut kept, mut whole) = (0, 0);
    for index in 0..200 {
        let clean = synthetic::document(&Options::default(), index);
        let noisy = synthetic::document(&options, index);
        assert_eq!(noisy.document.sentences, clean.document.sentences);
        assert!(noisy.implied.iter().all(|row| clean.implied.contains(row)));
        assert!(stated_facts(&noisy).is_subset(&stated_facts(&clean)));
        kept += noisy.document.facts.iter().flatten().count();
        whole += clean.document.facts.iter().flatten().count();
    }
    // 0.7 of some 3,200 labels, to four standard errors of 0.008.
    let share = kept as f64 / whole as f64;
    assert!((share - 0.7).abs() < 0.032, "{share} of the labels were kept");
}

#[test]
fn false_facts_are_added_behind_all_else() {
    let options = Options { false_facts: 0.4, ..Options::default() };
    let (mut n_added, mut whole) = (0, 0);
    for index in 0..200 {
        let clean = synthetic::document(&Options::default(), index);
        let noisy = synthetic::document(&options, index);
        assert_eq!(noisy, synthetic::document(&options, index));
        assert_eq!(noisy.document.sentences, clean.document.sentences);
        assert_eq!(noisy.implied, clean.implied);
        let [clean_facts, facts] = [&clean, &noisy].map(|made| made.document.facts.clone().unwrap());
        let added: Vec<_> = facts.iter().filter(|fact| !clean_facts.contains(fact)).collect();
        assert_eq!(facts.len(), clean_facts.len() + added.len());
        let kind = |entity: u32| clean.document.entities[entity as usize].mentions[0].kind.clone();
        for fact in &added {
            assert!(fact.evidence.is_empty() && fact.head != fact.tail);
            let key = |fact: &docre::corpus::Fact| (fact.head, fact.tail, fact.relation.clone());
            assert!(clean_facts.iter().all(|holding| key(holding) != key(fact)));
            let is_model = |holding: &&docre::corpus::Fact| {
                (holding.head, &holding.relation) == (fact.head, &fact.relation)
                    && kind(holding.tail) == kind(fact.tail)
            };
            assert!(clean_facts.iter().any(|holding| is_model(&holding)));
        }
        n_added += added.len();
        whole += clean_facts.len();
    }
    // 0.4 of some 3,200, to four standard errors of 0.009, less a few for which there is no other tail.
    let share = n_added as f64 / whole as f64;
    assert!((0.3..0.436).contains(&share), "{share} as many as there are facts");
    // Those that are missing are the same, whether others are added or not.
    let missing = Options { label_noise: 0.3, ..Options::default() };
    let both = Options { false_facts: 0.4, ..missing.clone() };
    let facts = |options: &Options| synthetic::document(options, 3).document.facts.unwrap();
    assert!(facts(&missing).iter().all(|fact| facts(&both).contains(fact)));
    assert_eq!(
        Options { false_facts: 1.5, ..Options::default() }.check().unwrap_err(),
        "`false_facts`: expected 0 to 1, got 1.5"
    );
}

#[test]
fn options_out_of_range_are_refused() {
    let refusal = |options: Options| options.check().unwrap_err();
    let defaults = Options::default;
    assert_eq!(defaults().check(), Ok(()));
    assert_eq!(refusal(Options { facts: 3, ..defaults() }), "`facts`: expected 4 to 100, got 3");
    assert_eq!(refusal(Options { chain_length: 5, ..defaults() }), "`chain_length`: expected 1 to 4, got 5");
    assert_eq!(refusal(Options { distractors: 201, ..defaults() }), "`distractors`: expected 0 to 200, got 201");
    assert_eq!(refusal(Options { implied_share: 0.6, ..defaults() }), "`implied_share`: expected 0 to 0.5, got 0.6");
    assert_eq!(refusal(Options { across: f64::NAN, ..defaults() }), "`across`: expected 0 to 1, got NaN");
    assert_eq!(refusal(Options { label_noise: -0.1, ..defaults() }), "`label_noise`: expected 0 to 1, got -0.1");
    assert_eq!(
        refusal(Options { patterns: vec![], ..defaults() }),
        "`patterns`: expected at least one pattern, got none"
    );
}

#[test]
fn what_stands_in_the_way_of_the_json_is_told_before_there_are_tables() {
    let place = TempDir::new().unwrap();
    let refused = |out: &str, split: &str| {
        let out = place.path().join(out);
        let run = docre(["synthesize", "--documents", "2", "--json", "--split", split, "--out", out.to_str().unwrap()]);
        (run.code, run.stderr)
    };
    let (code, told) = refused("none", "rel_info");
    assert!(code == Some(2) && told.contains("`split`: expected another name than `rel_info`"), "{told}");
    assert!(!place.path().join("none").exists());
    let mine = place.path().join("mine/dev.json");
    fs::create_dir(place.path().join("mine")).unwrap();
    fs::write(&mine, "mine").unwrap();
    let (code, told) = refused("mine", "dev");
    assert!(code == Some(1) && told.contains("dev.json: stands already"), "{told}");
    assert!(fs::read_to_string(mine).unwrap() == "mine" && !place.path().join("mine/dev").exists());
}

#[test]
fn patterns_are_read_by_their_names() {
    for pattern in Pattern::ALL {
        assert_eq!(pattern.name().parse(), Ok(pattern));
    }
    assert_eq!("s>o".parse::<Pattern>().unwrap_err(), "unknown pattern `s>o`, the nearest known one is `i>s,i>o`");
}

/// Checks what must hold of the first documents of any options without label noise.
fn check(options: &Options, documents: u64) {
    options.check().unwrap();
    for index in 0..documents {
        let made = synthetic::document(options, index);
        check_mentions(&made);
        check_closure(options, &made);
        check_evidence(&made);
    }
}

/// Mentions are the text of their spans, in their sentences; names differ; entities stand in order of first mention.
fn check_mentions(made: &Generated) {
    let document = &made.document;
    let tokens: Vec<(u32, &str)> = (0..)
        .zip(&document.sentences)
        .flat_map(|(sentence, tokens)| tokens.iter().map(move |token| (sentence, &*token.text)))
        .collect();
    for mention in document.entities.iter().flat_map(|entity| &entity.mentions) {
        let span = &tokens[mention.start as usize..mention.end as usize];
        let words: Vec<&str> = span.iter().map(|(_, text)| *text).collect();
        assert_eq!(words.join(" "), *mention.name, "{}", document.id);
        assert!(span.iter().all(|(sentence, _)| *sentence == mention.sentence), "{}", document.id);
    }
    let names: BTreeSet<_> = document.entities.iter().map(docre::corpus::Entity::name).collect();
    assert_eq!(names.len(), document.entities.len(), "{}", document.id);
    assert!(document.entities.is_sorted_by_key(|entity| entity.mentions[0].start), "{}", document.id);
}

/// The facts are the stated ones and all that follows from them, each by a rule that leads to it in fewest steps.
fn check_closure(options: &Options, made: &Generated) {
    let id = &made.document.id;
    let stated = stated_facts(made);
    let depths = naive_closure(options, &stated);
    let facts = made.document.facts.iter().flatten();
    let gold: BTreeSet<Triple> = facts.map(|fact| (fact.head, fact.relation.to_string(), fact.tail)).collect();
    assert_eq!(gold, depths.keys().cloned().collect(), "{id}");
    assert_eq!(made.implied.len() + stated.len(), gold.len(), "{id}");
    for row in &made.implied {
        let rule = (row.pattern.name(), &*row.first, &*row.second, &*row.relation);
        assert!(RULES.contains(&rule), "{id}: {row:?}");
        let premises = premises(rule, row.head, row.bridge, row.tail).map(|premise| depths[&premise]);
        assert_eq!(row.depth, 1 + premises[0].max(premises[1]), "{id}: {row:?}");
        assert_eq!(row.depth, depths[&(row.head, row.relation.to_string(), row.tail)], "{id}: {row:?}");
        assert!(row.depth <= options.chain_length, "{id}: {row:?}");
    }
}

/// A stated fact's evidence mentions head and tail; no sentence mentions both ends of an implied one.
fn check_evidence(made: &Generated) {
    let document = &made.document;
    let sentences = |entity: u32| -> BTreeSet<u32> {
        document.entities[entity as usize].mentions.iter().map(|mention| mention.sentence).collect()
    };
    let implied = implied_facts(made);
    for fact in document.facts.iter().flatten() {
        let (head, tail) = (sentences(fact.head), sentences(fact.tail));
        assert!(fact.evidence.is_sorted() && !fact.evidence.is_empty(), "{}: {fact:?}", document.id);
        assert!(fact.evidence.iter().any(|sentence| head.contains(sentence)), "{}: {fact:?}", document.id);
        assert!(fact.evidence.iter().any(|sentence| tail.contains(sentence)), "{}: {fact:?}", document.id);
        if implied.contains(&(fact.head, fact.relation.to_string(), fact.tail)) {
            assert!(head.is_disjoint(&tail), "{}: {fact:?}", document.id);
            assert!(fact.evidence.len() >= 2, "{}: {fact:?}", document.id);
        } else {
            assert!(fact.evidence.len() <= 2, "{}: {fact:?}", document.id);
        }
    }
}

/// Each fact that follows, with the number of rounds after which it does.
fn naive_closure(options: &Options, stated: &BTreeSet<Triple>) -> BTreeMap<Triple, u32> {
    let mut known: BTreeMap<Triple, u32> = stated.iter().map(|fact| (fact.clone(), 0)).collect();
    let entities: BTreeSet<u32> = stated.iter().flat_map(|(head, _, tail)| [*head, *tail]).collect();
    let allowed: Vec<&str> = options.patterns.iter().map(|pattern| pattern.name()).collect();
    for round in 1.. {
        let mut new = BTreeSet::new();
        for &rule in RULES.iter().filter(|rule| allowed.contains(&rule.0)) {
            for first in known.keys().filter(|fact| fact.1 == rule.1) {
                let (head, bridge) = if rule.0.starts_with('s') { (first.0, first.2) } else { (first.2, first.0) };
                for &tail in entities.iter().filter(|tail| **tail != head) {
                    let holds = premises(rule, head, bridge, tail).iter().all(|premise| known.contains_key(premise));
                    let conclusion = (head, rule.3.to_owned(), tail);
                    if holds && !known.contains_key(&conclusion) {
                        new.insert(conclusion);
                    }
                }
            }
        }
        if new.is_empty() {
            break;
        }
        known.extend(new.into_iter().map(|fact| (fact, round)));
    }
    known
}

/// The premises of a rule as its pattern spells them out. That of head and bridge comes first.
fn premises(rule: (&str, &str, &str, &str), head: u32, bridge: u32, tail: u32) -> [Triple; 2] {
    let (pattern, first, second, _) = rule;
    let to = |from: u32, relation: &str, to: u32| (from, relation.to_owned(), to);
    match pattern {
        "s>i,i>o" => [to(head, first, bridge), to(bridge, second, tail)],
        "s>i,o>i" => [to(head, first, bridge), to(tail, second, bridge)],
        "o>i,i>s" => [to(bridge, first, head), to(tail, second, bridge)],
        _ => [to(bridge, first, head), to(bridge, second, tail)],
    }
}

fn implied_facts(made: &Generated) -> BTreeSet<Triple> {
    made.implied.iter().map(|row| (row.head, row.relation.to_string(), row.tail)).collect()
}

fn stated_facts(made: &Generated) -> BTreeSet<Triple> {
    let implied = implied_facts(made);
    let facts = made.document.facts.iter().flatten();
    facts.map(|fact| (fact.head, fact.relation.to_string(), fact.tail)).filter(|fact| !implied.contains(fact)).collect()
}

/// All that a document says, one thing a line.
fn render(made: &Generated) -> String {
    let document = &made.document;
    let mut lines = vec![document.title.to_string()];
    for sentence in &document.sentences {
        lines.push(sentence.iter().map(|token| &*token.text).collect::<Vec<_>>().join(" "));
    }
    for mention in document.entities.iter().flat_map(|entity| &entity.mentions) {
        lines.push(format!("{} {} {}..{}", mention.name, mention.kind, mention.start, mention.end));
    }
    for fact in document.facts.iter().flatten() {
        lines.push(format!("{} {} {} {:?}", fact.head, fact.relation, fact.tail, fact.evidence));
    }
    for row in &made.implied {
        lines.push(format!(
            "{} {} {} by {} over {} at {}",
            row.head, row.relation, row.tail, row.pattern, row.bridge, row.depth
        ));
    }
    lines.join("\n")
}
