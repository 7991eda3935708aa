//! Subword pieces: golden ids, markers, truncation, every kind of vocabulary.

use std::fs;

use docre::pieces::{
    Cutter, Family, MOST_PIECES, MarkedDocument, Tokenizer, VocabularyOptions, documents, encode, train_vocabulary,
};
use docre::table::Text;
use docre::table::rows::PieceRow;

use crate::golden::{FOLDERS, Golden, folder};
use crate::support;

fn cutter(name: &str) -> Cutter {
    Cutter::new(Tokenizer::load(&folder(name)).unwrap(), MOST_PIECES)
}

fn document(words: &str, entities: &[&[(u32, u32)]]) -> MarkedDocument {
    MarkedDocument {
        id: "d".into(),
        words: words.split_whitespace().map(Text::from).collect(),
        entities: entities.iter().map(|mentions| mentions.to_vec()).collect(),
        ..MarkedDocument::default()
    }
}

#[test]
fn sentences_begin_at_their_first_word_or_its_marker() {
    // [CLS] * A B * | C | (a sentence without words) | * D * [SEP]
    let document = MarkedDocument { sentences: vec![0, 2, 3, 3], ..document("a b c d", &[&[(0, 2)], &[(3, 4)]]) };
    let starts = |most_pieces| {
        let tokenizer = cutter(FOLDERS[0]).into_tokenizer();
        let row = Cutter::new(tokenizer, most_pieces).cut(std::slice::from_ref(&document)).unwrap().remove(0);
        (row.sentence_starts, row.ids.len())
    };
    let (whole, n_pieces) = starts(100);
    let row = cutter(FOLDERS[0]).cut(std::slice::from_ref(&document)).unwrap().remove(0);
    let last_mention = row.mention_starts[1][0];
    assert_eq!(whole, [1, row.mention_ends[0][0] + 1, last_mention, last_mention]);
    // What is cut off begins where the end piece is.
    let (cut, n_kept) = starts(last_mention as usize);
    assert!(n_kept < n_pieces);
    let end = n_kept as u32 - 1;
    assert_eq!(cut, [1, whole[1], end, end]);
    assert_eq!(starts(3), (vec![1, 2, 2, 2], 3));
}

#[test]
fn ids_and_marker_places_equal_the_reference() {
    for name in FOLDERS {
        let golden = Golden::open(name);
        let rows = cutter(name).cut(&golden.documents).unwrap();
        for (place, row) in rows.iter().enumerate() {
            assert_eq!(row.ids, golden.numbers(place, "input_ids"), "{name}: document {place}");
            assert_eq!(row.truncated, 0);
            let expected = golden.json["docs"][place]["entity_pos"].as_array().unwrap();
            // The reference counts without the start piece.
            let expected: Vec<Vec<u32>> = expected
                .iter()
                .map(|mentions| {
                    mentions.as_array().unwrap().iter().map(|m| m[0].as_u64().unwrap() as u32 + 1).collect()
                })
                .collect();
            assert_eq!(row.mention_starts, expected, "{name}: document {place}");
        }
    }
}

#[test]
fn every_kind_of_file_gives_the_same_pieces() {
    for (name, files) in [("atlop_bert", &["vocab.txt"][..]), ("atlop_roberta", &["vocab.json", "merges.txt"])] {
        let other = tempfile::tempdir().unwrap();
        for file in files {
            fs::copy(folder(name).join(file), other.path().join(file)).unwrap();
        }
        let documents = Golden::open(name).documents;
        let expected = cutter(name).cut(&documents).unwrap();
        let found = Cutter::new(Tokenizer::load(other.path()).unwrap(), MOST_PIECES).cut(&documents).unwrap();
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(expected.ids, found.ids, "{name}");
        }
    }
}

#[test]
fn a_word_begins_as_behind_a_blank_where_the_tokenizers_settings_say_so() {
    let other = tempfile::tempdir().unwrap();
    for file in ["vocab.json", "merges.txt"] {
        fs::copy(folder("atlop_roberta").join(file), other.path().join(file)).unwrap();
    }
    let pieces = |word: &str| Tokenizer::load(other.path()).unwrap().pieces(word).unwrap();
    let bare = [pieces("the"), pieces(" the")];
    assert_ne!(bare[0], bare[1]);
    let set = |value: &str| {
        let settings = format!(r#"{{"tokenizer_class": "RobertaTokenizer", "add_prefix_space": {value}}}"#);
        fs::write(other.path().join("tokenizer_config.json"), settings).unwrap();
    };
    set("false");
    assert_eq!([pieces("the"), pieces(" the")], bare);
    set("true");
    assert_eq!([pieces("the"), pieces(" the")], [bare[1].clone(), bare[1].clone()]);
}

#[test]
fn mentions_that_share_a_word_share_its_marker() {
    let mut cutter = cutter("atlop_bert");
    let marker = cutter.tokenizer().marker();
    let rows = cutter.cut(&[document("the of and", &[&[(0, 2)], &[(0, 1), (1, 2)]])]).unwrap();
    let row = &rows[0];
    // [CLS] * the * * of * and [SEP]
    let markers: Vec<usize> =
        row.ids.iter().enumerate().filter(|(_, id)| **id == marker).map(|(place, _)| place).collect();
    assert_eq!((row.ids.len(), markers), (9, vec![1, 3, 4, 6]));
    assert_eq!(row.mention_starts, [vec![1], vec![1, 4]]);
}

#[test]
fn what_is_cut_off_is_told() {
    let mut cutter = Cutter::new(Tokenizer::load(&folder("atlop_bert")).unwrap(), 6);
    let rows = cutter.cut(&[document("the of and the of and", &[&[(0, 1), (4, 5)], &[(5, 6)]])]).unwrap();
    // [CLS] * the * of | and the * of * * and * → six pieces with [SEP] in the last place, eight cut off
    assert_eq!((rows[0].ids.len(), rows[0].truncated), (6, 8));
    assert_eq!(rows[0].ids.last(), Some(&cutter.tokenizer().end()));
    assert_eq!(rows[0].mention_starts, [vec![1], vec![]]);
}

#[test]
fn a_vocabulary_is_made_from_words_and_always_the_same() {
    let words: Vec<Text> =
        "low lower lowest new newer newest wide wider widest Łódź new low".split(' ').map(Text::from).collect();
    let options = VocabularyOptions { size: 60, least_count: 2, lower: true };
    let tokenizer = train_vocabulary(words.iter(), options).unwrap();
    assert_eq!(tokenizer.family(), Family::Bert);
    assert_eq!(tokenizer.to_json().unwrap(), train_vocabulary(words.iter().rev(), options).unwrap().to_json().unwrap());
    assert_eq!(tokenizer.pieces("low").unwrap().len(), 1);
    assert!(tokenizer.n_pieces() <= 60);
    let unknown = tokenizer.pieces("[UNK]").unwrap();
    for word in &words {
        assert!(tokenizer.pieces(word).unwrap().iter().all(|piece| *piece != unknown[0]), "{word}");
    }
}

#[test]
fn faults_name_the_file() {
    let empty = tempfile::tempdir().unwrap();
    let error = Tokenizer::load(empty.path()).err().unwrap().to_string();
    assert!(error.contains("expected `tokenizer.json`"), "{error}");
    fs::write(empty.path().join("tokenizer.json"), "{}").unwrap();
    let error = Tokenizer::load(empty.path()).err().unwrap().to_string();
    assert!(error.contains("tokenizer.json: tokenizer: "), "{error}");
    fs::remove_file(empty.path().join("tokenizer.json")).unwrap();
    fs::write(empty.path().join("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\na\n").unwrap();
    let error = Tokenizer::load(empty.path()).err().unwrap().to_string();
    assert!(error.contains("expected a piece [SEP]"), "{error}");
}

#[test]
fn a_corpus_is_encoded_from_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("dev.json");
    let other = support::DOCUMENT.replace("Altomonte", "Cosenza");
    fs::write(&source, format!("[{}, {other}]", support::DOCUMENT)).unwrap();
    let out = folder.path().join("corpus");
    let run = support::docre(
        ["convert", "--format", "docred", "--split", "dev", "--out"]
            .map(Into::into)
            .into_iter()
            .chain([out.clone().into_os_string(), source.into_os_string()]),
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let corpus = out.join("dev");
    let read: Vec<MarkedDocument> = documents(&corpus).unwrap().map(Result::unwrap).collect();
    assert_eq!((read.len(), read[0].words.len()), (2, 9));
    assert_eq!(read[0].entities, [vec![(0, 1), (5, 6)], vec![(3, 4)], vec![(7, 8)]]);
    let mut cutter = cutter("atlop_roberta");
    let rows: Vec<PieceRow> = encode(&corpus, &mut cutter).unwrap().flat_map(Result::unwrap).collect();
    assert_eq!(rows, cutter.cut(&read).unwrap());
    assert!(rows.iter().all(|row| row.encoder.starts_with("roberta:")));
}
