//! Encoders and vocabularies of BERT's and RoBERTa's kin, and of other languages: golden pieces, states and attention;
//! what a `config.json` or a `vocab.txt` leaves unsaid, and what is refused.

use std::fs;

use candle_core::{DType, Device, Tensor, safetensors};
use docre::encoder::{Encoder, EncoderConfig, EncoderFamily, Input, read_config, read_weights};
use docre::ground::hint::Hint;
use docre::ground::random::Random;
use docre::nn::{Mode, Weights};
use docre::pieces::{Family, Tokenizer};
use serde::Deserialize;
use tempfile::TempDir;

use crate::golden::{distance, folder};
use crate::support;

/// A word and its pieces.
#[derive(Deserialize)]
struct Word {
    word: String,
    ids: Vec<u32>,
}

const KIN: [(&str, EncoderFamily, Family); 3] = [
    ("kin/xlm_roberta", EncoderFamily::XlmRoberta, Family::Roberta),
    ("kin/camembert", EncoderFamily::Camembert, Family::Roberta),
    ("kin/electra", EncoderFamily::Electra, Family::Bert),
];

#[test]
fn pieces_states_and_attention_of_kin_equal_the_reference() {
    for (name, family, tokens) in KIN {
        let folder = folder(name);
        let (tokenizer, config) = (Tokenizer::load(&folder).unwrap(), read_config(&folder).unwrap());
        assert_eq!((config.family, tokenizer.family()), (family, tokens), "{name}");
        let given = read_weights(&folder, &Device::Cpu).unwrap();
        let mut weights = Weights::given(given, "model.", 0, &Device::Cpu);
        let encoder = Encoder::new(&config, &mut weights, "model").unwrap();
        let expected = safetensors::load(folder.join("expected.safetensors"), &Device::Cpu).unwrap();
        let documents: Vec<Vec<Word>> = serde_json::from_slice(&fs::read(folder.join("words.json")).unwrap()).unwrap();
        for (place, words) in documents.iter().enumerate() {
            let cut: Vec<Vec<u32>> = words.iter().map(|word| tokenizer.pieces(&word.word).unwrap()).collect();
            for (word, found) in words.iter().zip(&cut) {
                assert_eq!(&word.ids, found, "{name}: {}", word.word);
            }
            let ids = [vec![tokenizer.start()], cut.concat(), vec![tokenizer.end()]].concat();
            let tensor = |part: &str| &expected[&format!("{place}.{part}")];
            assert_eq!(tensor("ids").to_dtype(DType::U32).unwrap().to_vec1::<u32>().unwrap(), ids, "{name}");
            let input = Input { ids: &ids, rows: &[1, 4] };
            let encoded = encoder.encode(&[input], &mut Mode::Evaluate).unwrap();
            let off = distance(&encoded.states, tensor("states"));
            assert!(off < 1e-4, "{name}: document {place}: states differ by {off}");
            let off = distance(&encoded.attention[0].shares.squeeze(0).unwrap(), tensor("attention"));
            assert!(off < 1e-4, "{name}: document {place}: attention differs by {off}");
        }
    }
}

#[test]
fn all_of_a_fresh_electra_learns() {
    let sizes = EncoderConfig::small(70, 16, 2, 4);
    let config = EncoderConfig { family: EncoderFamily::Electra, embedding_size: Some(8), ..sizes };
    let mut weights = Weights::fresh(1, &Device::Cpu);
    let encoder = Encoder::new(&config, &mut weights, "model").unwrap();
    let ids: Vec<u32> = (2..42).collect();
    let mut random = Random::new(3);
    let encoded = encoder.encode(&[Input { ids: &ids, rows: &[] }], &mut Mode::Train(&mut random)).unwrap();
    let target = Tensor::arange(0f32, 640.0, &Device::Cpu).unwrap().sin().unwrap().reshape((40, 16)).unwrap();
    let gradients = (encoded.states - target).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap();
    assert!(weights.variables().contains_key("model.embeddings_project.weight"));
    for (name, variable) in weights.variables() {
        let norm: f32 = gradients.get(variable).unwrap().sqr().unwrap().sum_all().unwrap().to_scalar().unwrap();
        assert!(norm.is_finite() && norm > 0.0, "{name}: {norm}");
    }
}

/// A `config.json` that leaves out all that it may.
fn bare(rest: &str) -> Result<EncoderConfig, String> {
    let sizes = r#""vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 8, "max_position_embeddings": 16"#;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.json"), format!("{{{sizes}{rest}}}")).unwrap();
    read_config(folder.path()).map_err(|error| error.to_string())
}

#[test]
fn what_a_configuration_leaves_out_is_its_familys_default() {
    let of = |rest: &str| {
        let config = bare(rest).unwrap();
        (config.family, config.first_position(), config.end_pieces(), config.type_vocab_size, config.embedding_width())
    };
    for unsaid in ["", r#", "architectures": ["BertForMaskedLM"]"#, r#", "pad_token_id": null"#] {
        assert_eq!(of(unsaid), (EncoderFamily::Bert, 0, 1, 2, 8), "{unsaid}");
    }
    assert_eq!(of(r#", "model_type": "bert", "embedding_size": 4"#), (EncoderFamily::Bert, 0, 1, 2, 8));
    assert_eq!(of(r#", "model_type": "electra""#), (EncoderFamily::Electra, 0, 1, 2, 128));
    for (name, family) in [
        ("roberta", EncoderFamily::Roberta),
        ("xlm-roberta", EncoderFamily::XlmRoberta),
        ("camembert", EncoderFamily::Camembert),
    ] {
        assert_eq!(of(&format!(r#", "model_type": "{name}""#)), (family, 2, 2, 2, 8));
        assert_eq!(of(&format!(r#", "model_type": "{name}", "pad_token_id": 0"#)), (family, 1, 2, 2, 8));
    }
    let old = of(r#", "architectures": ["RobertaForMaskedLM"]"#);
    assert_eq!(old, (EncoderFamily::Roberta, 2, 2, 2, 8), "a file from before files named their family");
}

#[test]
fn what_changes_the_computation_is_refused() {
    for (rest, expected) in [
        (
            r#", "position_embedding_type": "relative_key""#,
            "`position_embedding_type`: expected `absolute`, got `relative_key`",
        ),
        (r#", "is_decoder": true"#, "`is_decoder`: expected false, got true"),
        (r#", "model_type": "deberta-v2""#, "unknown variant `deberta-v2`, expected one of `bert`, `electra`"),
        (r#", "model_type": "electra", "embedding_size": 0"#, "`embedding_size`: expected at least 1, got 0"),
        (r#", "quantization_config": {"bits": 8}"#, "`quantization_config`: expected none"),
        (
            r#", "architectures": ["DistilBertModel"]"#,
            "`architectures`: expected those of BERT or RoBERTa, got `DistilBertModel`",
        ),
        (r#", "layer_norm_eps": -1"#, "`layer_norm_eps`: expected 0 or more and less than 1, got -1"),
        (r#", "layer_norm_eps": 1e300"#, "`layer_norm_eps`: expected 0 or more and less than 1, got 1"),
    ] {
        let error = bare(rest).unwrap_err();
        assert!(error.contains("config.json: ") && error.contains(expected), "{error}");
    }
    assert!(bare(r#", "position_embedding_type": "absolute", "is_decoder": false"#).is_ok());
}

#[test]
fn a_configuration_is_written_as_it_is_read() {
    for (name, ..) in KIN {
        let config = read_config(&folder(name)).unwrap();
        let written = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<EncoderConfig>(&written).unwrap(), config);
    }
    // Checkpoints of before are what they were.
    let written = serde_json::to_string(&EncoderConfig::small(9, 8, 1, 2)).unwrap();
    assert!(!written.contains("embedding_size"), "{written}");
}

/// A folder with a `vocab.txt` and other files.
fn vocabulary(pieces: &str, files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let lines: Vec<&str> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "*"].into_iter().chain(pieces.split(' ')).collect();
    fs::write(folder.path().join("vocab.txt"), lines.join("\n")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn settings(text: &str) -> [(&str, &str); 1] {
    [("tokenizer_config.json", text)]
}

/// The pieces of words over such a vocabulary: its own from 5 on, 1 for what is unknown.
fn cut(pieces: &str, files: &[(&str, &str)], words: &str) -> Vec<Vec<u32>> {
    let folder = vocabulary(pieces, files);
    let tokenizer = Tokenizer::load(folder.path()).unwrap();
    // A checkpoint keeps it.
    let kept = Tokenizer::from_json(&tokenizer.to_json().unwrap()).unwrap();
    let cut = |word| {
        let found = tokenizer.pieces(word).unwrap();
        assert_eq!(kept.pieces(word).unwrap(), found);
        found
    };
    words.split(' ').map(cut).collect()
}

#[test]
fn a_vocabulary_that_keeps_marks_case_or_words_is_not_stripped_of_them() {
    let cut = |pieces, words| cut(pieces, &[], words);
    assert_eq!(cut("ete", "Été ete"), [[5], [5]], "nothing tells of marks or case");
    assert_eq!(cut("ete été", "Été ete"), [[6], [5]], "marks stand in it");
    assert_eq!(cut("दिल्ली", "दिल्ली"), [[5]]);
    assert_eq!(cut("한국 か が", "한국 が"), [[5], [7]]);
    assert_eq!(cut("москва Москва", "Москва"), [[6]], "case of any script");
    assert_eq!(cut("東 京", "東京"), [[5, 6]]);
    assert_eq!(cut("東 京 東京", "東京"), [[7]], "ideographs are joined in it");
}

#[test]
fn a_few_stray_characters_do_not_tell_of_a_large_vocabulary() {
    let many = |some: &str| (0..3000).map(|place| format!("w{place} ")).collect::<String>() + some;
    let ete = 5 + 3000;
    assert_eq!(cut(&many("ete É ##T Ü É ##Ç ##Ö"), &[], "Été"), [[ete]]);
    assert_eq!(cut(&many("ete été àà éé èè"), &[], "Été"), [[ete + 1]]);
}

#[test]
fn settings_go_before_what_a_vocabulary_tells() {
    let cut = |text: &str, words| cut("ete été Ete 東京 東 京", &settings(text), words);
    assert_eq!(cut(r#"{"do_lower_case": true}"#, "Été"), [[5]], "marks go with case, as in the reference");
    assert_eq!(cut(r#"{"do_lower_case": true, "strip_accents": false}"#, "Été"), [[6]]);
    assert_eq!(cut(r#"{"do_lower_case": false, "strip_accents": true}"#, "Été"), [[7]]);
    assert_eq!(cut(r#"{"do_lower_case": null, "strip_accents": true}"#, "Été"), [[7]]);
    assert_eq!(cut(r#"{"tokenize_chinese_chars": true}"#, "東京"), [[9, 10]]);
}

#[test]
fn settings_go_before_what_a_description_tells() {
    let described = vocabulary("ete été Ete", &settings(r#"{"do_lower_case": true}"#));
    let described = Tokenizer::load(described.path()).unwrap().to_json().unwrap();
    let cut = |text: &str| {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("tokenizer.json"), &described).unwrap();
        fs::write(folder.path().join("tokenizer_config.json"), text).unwrap();
        Tokenizer::load(folder.path()).unwrap().pieces("Ete").unwrap()
    };
    assert_eq!(cut("{}"), [5]);
    assert_eq!(cut(r#"{"do_lower_case": true, "strip_accents": null}"#), [5]);
    assert_eq!(cut(r#"{"do_lower_case": false}"#), [7]);
}

#[test]
fn of_two_kinds_of_ends_the_template_says_which_or_the_model() {
    let folder = vocabulary("<s> </s> ete", &[]);
    let tokenizer = Tokenizer::load(folder.path()).unwrap();
    assert_eq!((tokenizer.family(), tokenizer.start(), tokenizer.end()), (Family::Bert, 2, 3));
    let described: serde_json::Value = serde_json::from_str(&tokenizer.to_json().unwrap()).unwrap();
    let with = |start: (&str, u32), end: (&str, u32)| {
        let mut described = described.clone();
        let processor = serde_json::json!({"type": "BertProcessing", "sep": [end.0, end.1], "cls": [start.0, start.1]});
        described["post_processor"] = processor;
        let tokenizer = Tokenizer::from_json(&described.to_string()).unwrap();
        (tokenizer.family(), tokenizer.start(), tokenizer.end())
    };
    assert_eq!(with(("[CLS]", 2), ("[SEP]", 3)), (Family::Bert, 2, 3));
    assert_eq!(with(("<s>", 5), ("</s>", 6)), (Family::Roberta, 5, 6));
}

#[test]
fn a_japanese_bert_keeps_the_words_that_are_given() {
    let pieces = "か が 東京 東 ##京 Bert 1";
    let cut = |files: &[(&str, &str)], words| cut(pieces, files, words);
    let mecab = r#"{"do_lower_case": false, "word_tokenizer_type": "mecab", "subword_tokenizer_type": "wordpiece"}"#;
    let class = r#"{"tokenizer_class": "BertJapaneseTokenizer"}"#;
    for file in [("tokenizer_config.json", mecab), ("tokenizer_config.json", class), ("config.json", class)] {
        assert_eq!(cut(&[file], "東京 が Bert"), [[7], [6], [10]], "{file:?}");
    }
    assert_eq!(cut(&settings(mecab), "１ Ｂｅｒｔ"), [[11], [10]], "forms of a character are united");
    let apart = r#"{"word_tokenizer_type": "sudachi", "sudachi_kwargs": {"normalize_text": false}}"#;
    assert_eq!(cut(&settings(apart), "１ 1"), [[1], [11]]);
    let characters = r#"{"word_tokenizer_type": "mecab", "subword_tokenizer_type": "character"}"#;
    assert_eq!(cut(&settings(characters), "東か京"), [[8, 5, 1]]);
    for wrong in ["word", "subword"] {
        let text = format!(r#"{{"{wrong}_tokenizer_type": "sentencepiece"}}"#);
        let folder = vocabulary(pieces, &settings(&text));
        let error = Tokenizer::load(folder.path()).err().unwrap().to_string();
        assert!(error.contains(&format!("tokenizer_config.json: `{wrong}_tokenizer_type`: expected ")), "{error}");
    }
}

#[test]
fn files_of_another_kind_are_refused_with_a_hint() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("sentencepiece.bpe.model"), "").unwrap();
    let hint = |folder: &TempDir| {
        let error = Tokenizer::load(folder.path()).err().unwrap();
        (error.to_string(), error.hint().unwrap_or_default().into_owned())
    };
    let (error, told) = hint(&folder);
    assert!(
        error.contains("found none of them") && told.contains("`save_pretrained` writes `tokenizer.json`"),
        "{told}"
    );
    fs::write(folder.path().join("vocab.json"), r#"{"<s>": 0, "</s>": 1, "a</w>": 2}"#).unwrap();
    fs::write(folder.path().join("merges.txt"), "#version: 0.2\n").unwrap();
    let (error, told) = hint(&folder);
    assert!(error.contains("vocab.json: expected pieces of bytes") && !told.is_empty(), "{error}");
}

#[test]
fn an_encoder_of_kin_trains_and_scores() {
    let work = TempDir::new().unwrap();
    let place = |name: &str| work.path().join(name).to_str().unwrap().to_owned();
    fs::write(place("dev.json"), format!("[{}]", support::DOCUMENT)).unwrap();
    let run = |arguments: &[&str]| {
        let run = support::docre(arguments);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run
    };
    run(&["convert", "--format", "docred", "--split", "dev", "--out", &place("corpus"), &place("dev.json")]);
    for (name, ..) in KIN {
        let settings = format!(
            r#"{{"model": {{"kind": "atlop", "embedding": 16, "block": 4}}, "encoder": {{"pretrained": {:?}}},
            "corpus": {:?}, "train": "dev", "dev": "dev", "encoder_rate": 1e-4, "head_rate": 1e-3, "epochs": 1,
            "batch": 1}}"#,
            folder(name),
            place("corpus")
        );
        fs::write(place("train.json"), settings).unwrap();
        let model = place(&name.replace('/', "-"));
        run(&["train", "--config", &place("train.json"), "--out", &model, "--device", "cpu"]);
        let best = format!("{model}/best");
        let split = ["--corpus", &place("corpus"), "--split", "dev"];
        run(&[&["score", "--checkpoint", &best, "--out", &place("run"), "--device", "cpu", "--force"], &split[..]]
            .concat());
    }
}
