//! What a `tokenizer.json` may describe: parts that cut any word, in bounded time and memory, and the same word the same
//! way each time. The library takes more than that.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Parts that normalise.
const NORMALIZERS: [&str; 14] = [
    "BertNormalizer",
    "ByteLevel",
    "Lowercase",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Nmt",
    "Precompiled",
    "Prepend",
    "Replace",
    "Sequence",
    "Strip",
    "StripAccents",
];
/// Parts that cut text into words.
const PRE_TOKENIZERS: [&str; 11] = [
    "BertPreTokenizer",
    "ByteLevel",
    "CharDelimiterSplit",
    "Digits",
    "Metaspace",
    "Punctuation",
    "Sequence",
    "Split",
    "UnicodeScripts",
    "Whitespace",
    "WhitespaceSplit",
];
/// Settings of a model that leave the pieces to chance.
const CHANCE: [&str; 3] = ["dropout", "alpha", "nbest_size"];
/// How many times longer a word may become before it is cut: some times is what replaced spaces take.
const MOST_GROWTH: u64 = 1000;
/// How long a word may be that WordPiece cuts: the time grows with the cube of it. Published tokenizers have 100.
const MOST_CHARACTERS: u64 = 1000;

/// Checks the text of a `tokenizer.json`. What is not JSON is left to the library to refuse.
///
/// # Errors
/// The part that cannot be used, expected then got.
pub fn check(text: &str) -> Result<(), String> {
    let Ok(described) = serde_json::from_str::<Value>(text) else { return Ok(()) };
    let growth = parts(&described["normalizer"], "normalizer", &NORMALIZERS)?;
    if growth > MOST_GROWTH {
        return Err(format!("`normalizer`: expected a word to grow {MOST_GROWTH} times at most, got {growth}"));
    }
    let growth = growth.saturating_mul(parts(&described["pre_tokenizer"], "pre_tokenizer", &PRE_TOKENIZERS)?);
    if growth > MOST_GROWTH {
        let told =
            format!("expected a word to grow {MOST_GROWTH} times at most, the normalizer's included, got {growth}");
        return Err(format!("`pre_tokenizer`: {told}"));
    }
    let model = &described["model"];
    let chance = |name: &&&str| !matches!(&model[**name], Value::Null) && model[**name].as_f64() != Some(0.0);
    if let Some(name) = CHANCE.iter().find(chance) {
        return Err(format!(
            "`{name}`: expected none, for the same word must have the same pieces, got {}",
            model[name]
        ));
    }
    if let Some(length) = model["max_input_chars_per_word"].as_u64().filter(|length| *length > MOST_CHARACTERS) {
        return Err(format!("`max_input_chars_per_word`: expected at most {MOST_CHARACTERS}, got {length}"));
    }
    check_merges(model)
}

/// Checks that a part, and those in it, are of types that are known, and how many times longer they make a text.
fn parts(part: &Value, role: &str, known: &[&str]) -> Result<u64, String> {
    if part.is_null() {
        return Ok(1);
    }
    let kind = part["type"].as_str().unwrap_or_default();
    if !known.contains(&kind) {
        return Err(format!("`{role}`: expected one of `{}`, got `{kind}`", known.join("`, `")));
    }
    // The library reads one of the two; what the other holds is looked at, too.
    let inner = ["normalizers", "pretokenizers"].iter().filter_map(|name| part[*name].as_array());
    let mut growth = growth(kind, part)?;
    for part in inner.flatten() {
        growth = growth.saturating_mul(parts(part, role, known)?);
    }
    Ok(growth)
}

/// How many times longer a part makes a text at most.
fn growth(kind: &str, part: &Value) -> Result<u64, String> {
    let length = |text: &Value| text.as_str().map_or(0, |text| text.len() as u64);
    Ok(match (kind, length(&part["pattern"]["String"])) {
        ("Replace", pattern @ 1..) => length(&part["content"]).div_ceil(pattern).max(1),
        // An expression may be found between any two characters.
        ("Replace", 0) => length(&part["content"]).saturating_add(1),
        // Of each byte that is no printable character of ASCII it makes one of two bytes.
        ("ByteLevel", _) => 2,
        ("Prepend", _) => length(&part["prepend"]).saturating_add(1),
        ("Precompiled", _) => {
            let table = part["precompiled_charsmap"].as_str().and_then(|text| STANDARD.decode(text).ok());
            longest_replacement(&table.unwrap_or_default())
                .ok_or("`precompiled_charsmap`: expected a table of SentencePiece's")?
        }
        _ => 1,
    })
}

/// The longest text that a table of SentencePiece's puts in the place of another. The table: the size of a trie in four
/// bytes, the trie, and texts with a zero byte after each. The library sets memory aside for whatever size is said.
fn longest_replacement(table: &[u8]) -> Option<u64> {
    let (size, rest) = table.split_first_chunk::<4>()?;
    let units = u32::from_le_bytes(*size) / 4;
    let texts = rest.get(units as usize * 4..).filter(|_| units > 0)?;
    texts.split(|byte| *byte == 0).map(|text| text.len().max(1) as u64).max()
}

/// Checks that what a merge joins on to a piece begins as what continues a word does: the library takes that off unseen.
fn check_merges(model: &Value) -> Result<(), String> {
    let prefix = model["continuing_subword_prefix"].as_str().unwrap_or_default();
    let second = |merge: &Value| match merge {
        Value::Array(pair) => pair.get(1).and_then(Value::as_str).map(str::to_owned),
        merge => merge.as_str().and_then(|merge| merge.split_once(' ')).map(|(_, second)| second.to_owned()),
    };
    let mut seconds = model["merges"].as_array().into_iter().flatten().filter_map(second);
    match seconds.find(|second| !second.starts_with(prefix)) {
        Some(second) => Err(format!("`merges`: expected a second piece that begins with `{prefix}`, got `{second}`")),
        None => Ok(()),
    }
}
