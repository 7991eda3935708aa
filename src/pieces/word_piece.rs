//! A bare `vocab.txt` → a tokenizer of BERT's kind, its settings beside it or, where there are none, read off the pieces.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::{BertNormalizer, Lowercase, NFKC, Sequence};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::sequence::Sequence as Steps;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior};

use super::error::{PiecesError, fault, text_of};

/// One piece in so many tells nothing: some hold what their text, once it was prepared, no longer had.
const STRAY: usize = 1000;

/// What the files beside a `vocab.txt` may say of it.
#[derive(Debug, Default, Deserialize)]
struct Settings {
    tokenizer_class: Option<String>,
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    word_tokenizer_type: Option<String>,
    subword_tokenizer_type: Option<String>,
    mecab_kwargs: Option<Analyser>,
    sudachi_kwargs: Option<Analyser>,
    jumanpp_kwargs: Option<Analyser>,
}

/// What an encoder's `config.json` may say of its tokenizer.
#[derive(Debug, Default, Deserialize)]
struct Class {
    tokenizer_class: Option<String>,
}

/// What is said of the program that finds words.
#[derive(Debug, Deserialize)]
struct Analyser {
    normalize_text: Option<bool>,
}

/// The tokenizer of `vocabulary`, a file in `folder`.
///
/// # Errors
/// Where a file cannot be read, or its settings are not known.
pub(super) fn load(folder: &Path, vocabulary: &Path) -> Result<tokenizers::Tokenizer, PiecesError> {
    let text = text_of(vocabulary)?;
    let pieces: Vec<&str> = text.lines().map(str::trim_end).collect();
    let file = folder.join("tokenizer_config.json");
    let mut settings: Settings = beside(&file)?;
    if settings.tokenizer_class.is_none() {
        settings.tokenizer_class = beside::<Class>(&folder.join("config.json"))?.tokenizer_class;
    }
    let own = pieces.iter().copied().map(str::to_owned);
    let built = if settings.is_japanese() {
        let (normalizer, pre_tokenizer) = settings.japanese().map_err(|reason| fault(&file, &reason))?;
        build(own, normalizer, pre_tokenizer)
    } else {
        bert(own, settings.normalizer(&pieces))
    };
    built.map_err(|error| fault(vocabulary, &error))
}

/// Prepares text for a tokenizer that `tokenizer.json` describes as the file beside that says, where it says so.
///
/// # Errors
/// Where that file cannot be read.
pub(super) fn settle(folder: &Path, tokenizer: &mut tokenizers::Tokenizer) -> Result<(), PiecesError> {
    let Some(NormalizerWrapper::BertNormalizer(bert)) = tokenizer.get_normalizer() else { return Ok(()) };
    let file = folder.join("tokenizer_config.json");
    let settings: Settings = beside(&file)?;
    let settled = BertNormalizer::new(
        bert.clean_text,
        settings.tokenize_chinese_chars.unwrap_or(bert.handle_chinese_chars),
        settings.strip_accents.or(bert.strip_accents),
        settings.do_lower_case.unwrap_or(bert.lowercase),
    );
    tokenizer.with_normalizer(Some(settled)).map_err(|error| fault(&file, &error))?;
    Ok(())
}

/// A WordPiece tokenizer as BERT has it; a piece's id is its place.
pub(super) fn bert(
    pieces: impl Iterator<Item = String>,
    normalizer: BertNormalizer,
) -> Result<tokenizers::Tokenizer, tokenizers::Error> {
    build(pieces, normalizer.into(), BertPreTokenizer.into())
}

fn build(
    pieces: impl Iterator<Item = String>,
    normalizer: NormalizerWrapper,
    pre_tokenizer: PreTokenizerWrapper,
) -> Result<tokenizers::Tokenizer, tokenizers::Error> {
    let vocabulary = pieces.zip(0u32..).collect::<Vec<_>>();
    let special = vocabulary.iter().map(|(piece, _)| piece).filter(|piece| is_special(piece));
    let special: Vec<_> = special.map(|piece| tokenizers::AddedToken::from(piece.clone(), true)).collect();
    let vocabulary: HashMap<_, _, _> = vocabulary.into_iter().collect();
    let model = WordPiece::builder().vocab(vocabulary).unk_token("[UNK]".to_owned()).build()?;
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer.with_normalizer(Some(normalizer))?;
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer));
    tokenizer.add_special_tokens(special)?;
    Ok(tokenizer)
}

/// What a file says, if there is one.
pub(super) fn beside<T: Default + DeserializeOwned>(path: &Path) -> Result<T, PiecesError> {
    if !path.is_file() {
        return Ok(T::default());
    }
    serde_json::from_str(&text_of(path)?).map_err(|error| fault(path, &error))
}

fn is_special(piece: &str) -> bool {
    matches!(piece, "[PAD]" | "[UNK]" | "[CLS]" | "[SEP]" | "[MASK]")
}

impl Settings {
    /// Whether words are found by a program for Japanese. Published folders say so in one of three places.
    fn is_japanese(&self) -> bool {
        let class = self.tokenizer_class.as_deref() == Some("BertJapaneseTokenizer");
        class || self.word_tokenizer_type.is_some() || self.subword_tokenizer_type.is_some()
    }

    /// As BERT prepares text. Of what no file says, the pieces tell: what preparing takes from all text stands in none.
    fn normalizer(&self, pieces: &[&str]) -> BertNormalizer {
        let lower = self.do_lower_case.unwrap_or_else(|| !shows(pieces, has_capital));
        let chinese = self.tokenize_chinese_chars.unwrap_or_else(|| !shows(pieces, joins_ideographs));
        // Who says that case is dropped, and no more, drops marks too, as in Hugging Face's library.
        let keeps_marks = || lower && self.do_lower_case.is_none() && shows(pieces, has_marks);
        let strip_accents = self.strip_accents.or_else(|| keeps_marks().then_some(false));
        BertNormalizer::new(true, chinese, strip_accents, lower)
    }

    /// As Hugging Face's `BertJapaneseTokenizer` prepares text, but for words, which the corpus gives: a dictionary's
    /// words are not sought in them.
    fn japanese(&self) -> Result<(NormalizerWrapper, PreTokenizerWrapper), String> {
        let lower = self.do_lower_case.unwrap_or(false);
        let (mut steps, words): (Vec<NormalizerWrapper>, PreTokenizerWrapper) = match self.analyser()? {
            None => (vec![BertNormalizer::new(true, false, None, lower).into()], BertPreTokenizer.into()),
            Some(unites) => {
                let steps = [unites.then(|| NFKC.into()), lower.then(|| Lowercase.into())];
                (steps.into_iter().flatten().collect(), WhitespaceSplit.into())
            }
        };
        if !self.in_characters()? {
            return Ok((Sequence::new(steps).into(), words));
        }
        steps.push(NFKC.into());
        let each = Split::new(SplitPattern::Regex(".".to_owned()), SplitDelimiterBehavior::Isolated, false);
        let each = each.map_err(|error| error.to_string())?;
        Ok((Sequence::new(steps).into(), Steps::new(vec![words, each.into()]).into()))
    }

    /// Whether the program that finds words unites forms of a character first (NFKC); `None` where BERT's rules find them.
    fn analyser(&self) -> Result<Option<bool>, String> {
        let analyser = match self.word_tokenizer_type.as_deref() {
            None | Some("basic") => return Ok(None),
            Some("mecab") => &self.mecab_kwargs,
            Some("sudachi") => &self.sudachi_kwargs,
            Some("jumanpp") => &self.jumanpp_kwargs,
            Some(got) => {
                let known = "`basic`, `mecab`, `sudachi` or `jumanpp`";
                return Err(format!("`word_tokenizer_type`: expected {known}, got `{got}`"));
            }
        };
        Ok(Some(analyser.as_ref().and_then(|analyser| analyser.normalize_text).unwrap_or(true)))
    }

    /// Whether each character is a piece.
    fn in_characters(&self) -> Result<bool, String> {
        match self.subword_tokenizer_type.as_deref() {
            None | Some("wordpiece") => Ok(false),
            Some("character") => Ok(true),
            Some(got) => Err(format!("`subword_tokenizer_type`: expected `wordpiece` or `character`, got `{got}`")),
        }
    }
}

/// Whether what is sought stands in enough of the pieces. Single characters count in small vocabularies alone: in
/// published ones many stand that no text gives any more.
fn shows(pieces: &[&str], sought: impl Fn(&str) -> bool) -> bool {
    let bare = pieces.iter().filter(|piece| !piece.starts_with('['));
    let bare = bare.map(|piece| piece.strip_prefix("##").unwrap_or(piece));
    let telling = bare.filter(|piece| pieces.len() < STRAY || piece.chars().nth(1).is_some());
    telling.filter(|piece| sought(piece)).count() * STRAY > pieces.len()
}

fn has_capital(piece: &str) -> bool {
    piece
        .chars()
        .any(|letter| letter.is_ascii_uppercase() || (!letter.is_ascii() && !letter.to_lowercase().eq([letter])))
}

/// Whether a piece would be another without its accents, or with its letters taken apart.
fn has_marks(piece: &str) -> bool {
    prepared(piece, BertNormalizer::new(false, false, Some(true), false)).is_some_and(|without| without != piece)
}

/// Whether a piece holds an ideograph beside something else, which BERT would have parted.
fn joins_ideographs(piece: &str) -> bool {
    let parted = prepared(piece, BertNormalizer::new(false, true, Some(false), false));
    parted.is_some_and(|parted| parted.split_whitespace().nth(1).is_some())
}

/// A piece after a step; `None` where it is left as it is.
fn prepared(piece: &str, step: BertNormalizer) -> Option<String> {
    if piece.is_ascii() {
        return None;
    }
    let mut text = NormalizedString::from(piece);
    step.normalize(&mut text).ok()?;
    Some(text.get().to_owned())
}
