//! A tokenizer of the BERT or RoBERTa family, from the files of a Hugging Face folder.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use ground::caught::caught;
use ground::excerpt::quoted;
use ground::present;

use crate::described;
use crate::error::{END_OF_WORD, PiecesError, fault, text_of, tokenizer_fault};
use crate::word_piece::{self, beside};

/// Ids are below this: the library looks at every number up to the highest. The largest vocabularies have a million.
const MOST_IDS: usize = 1 << 24;

/// Pieces that mark mentions, the first that there is.
const MARKERS: [&str; 3] = ["*", "[UNK]", "<unk>"];

/// How an encoder's input begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `[CLS] … [SEP]`.
    Bert,
    /// `<s> … </s>`.
    Roberta,
}

/// Words → ids of pieces.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    family: Family,
    /// Ids of the start piece, the end piece and the marker `*`.
    start: u32,
    end: u32,
    marker: u32,
    identity: String,
}

impl Tokenizer {
    /// The tokenizer of an encoder's folder: `tokenizer.json`, else `vocab.txt` (what becomes of case, marks and
    /// ideographs `tokenizer_config.json` or the vocabulary itself tells), else `vocab.json` and `merges.txt`. Where
    /// `tokenizer_config.json` says otherwise than `tokenizer.json`, it counts, as in Hugging Face's library.
    ///
    /// # Errors
    /// Where there is none, a file is damaged, or the vocabulary lacks the start or end piece.
    pub fn load(folder: &Path) -> Result<Self, PiecesError> {
        let [json, txt, bpe] = ["tokenizer.json", "vocab.txt", "vocab.json"].map(|name| folder.join(name));
        let is_there = |path: &Path| present(fs::metadata(path)).map_err(|error| fault(path, &error));
        if is_there(&json)?.is_some() {
            let mut inner = described(&text_of(&json)?).map_err(|error| fault(&json, &error))?;
            word_piece::settle(folder, &mut inner)?;
            settle(folder, &mut inner)?;
            Self::new(inner).map_err(|error| fault(&json, &error))
        } else if is_there(&txt)?.is_some() {
            Self::new(word_piece::load(folder, &txt)?)
        } else if is_there(&bpe)?.is_some() {
            Self::new(byte_pairs(folder, &bpe)?)
        } else {
            Err(PiecesError::NoTokenizer { folder: folder.to_path_buf() })
        }
    }

    /// The tokenizer that the text of a `tokenizer.json` describes.
    ///
    /// # Errors
    /// Where it describes none, or one whose pieces are left to chance, or its vocabulary lacks the start or end piece.
    pub fn from_json(text: &str) -> Result<Self, PiecesError> {
        Self::new(described(text)?)
    }

    fn new(mut inner: tokenizers::Tokenizer) -> Result<Self, PiecesError> {
        // Length is ours to limit: published files often carry a limit of their own.
        let _ = inner.with_truncation(None);
        inner.with_padding(None);
        let highest = n_pieces(&inner);
        if highest > MOST_IDS {
            let reason = format!("expected ids below {MOST_IDS}, got {}", highest - 1);
            return Err(PiecesError::Tokenizer { reason });
        }
        let identifier = |piece| inner.token_to_id(piece).ok_or(PiecesError::NoPiece { piece });
        let family = family(&inner);
        let (start, end) = match family {
            Family::Roberta => (identifier("<s>")?, identifier("</s>")?),
            Family::Bert => (identifier("[CLS]")?, identifier("[SEP]")?),
        };
        // A vocabulary without `*` reads it as any other unknown piece, as the reference code does.
        let marker = MARKERS.into_iter().find_map(|piece| identifier(piece).ok());
        let marker = marker.ok_or(PiecesError::NoPiece { piece: "`*`, `[UNK]` or `<unk>`" })?;
        let text = inner.to_string(false).map_err(tokenizer_fault)?;
        let name = match family {
            Family::Bert => "bert",
            Family::Roberta => "roberta",
        };
        let identity = format!("{name}:{}", ground::identity::digest(text.as_bytes()));
        Ok(Self { inner, family, start, end, marker, identity })
    }

    /// The pieces of a word that stands alone, without start and end pieces.
    ///
    /// # Errors
    /// Where the tokenizer fails.
    pub fn pieces(&self, word: &str) -> Result<Vec<u32>, PiecesError> {
        let fault = |error: tokenizers::Error| PiecesError::Word { word: quoted(word), reason: error.to_string() };
        let encoding = guarded(|| self.inner.encode_fast(word, false)).map_err(fault)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// How the encoder's input begins and ends.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The family and a hash of the whole tokenizer.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Id of the piece before a document.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// Id of the piece after a document.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// Id of the marker around mentions.
    pub fn marker(&self) -> u32 {
        self.marker
    }

    /// Id of a piece, where the vocabulary has it.
    pub(super) fn id(&self, piece: &str) -> Option<u32> {
        self.inner.token_to_id(piece)
    }

    /// Id of the piece that stands for what the vocabulary lacks; `None` where nothing can be lacking, or markers are the
    /// same piece.
    pub fn unknown(&self) -> Option<u32> {
        let unknown = self.inner.token_to_id("[UNK]").or_else(|| self.inner.token_to_id("<unk>"));
        unknown.filter(|unknown| *unknown != self.marker)
    }

    /// One more than the highest id: an encoder needs as many embeddings.
    pub fn n_pieces(&self) -> usize {
        n_pieces(&self.inner)
    }

    /// The text of a `tokenizer.json` that gives the same tokenizer.
    ///
    /// # Errors
    /// Where it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, PiecesError> {
        self.inner.to_string(false).map_err(tokenizer_fault)
    }
}

fn described(text: &str) -> Result<tokenizers::Tokenizer, PiecesError> {
    described::check(text).map_err(|reason| PiecesError::Tokenizer { reason })?;
    guarded(|| text.parse()).map_err(tokenizer_fault)
}

/// How input begins and ends: by the pieces that the vocabulary has. Where it has those of both families, the tokenizer's
/// own template says by which, and where there is none, WordPiece is BERT's.
fn family(tokenizer: &tokenizers::Tokenizer) -> Family {
    let both = |start, end| tokenizer.token_to_id(start).zip(tokenizer.token_to_id(end));
    match (both("[CLS]", "[SEP]"), both("<s>", "</s>")) {
        (Some(bert), Some(roberta)) => {
            let nothing = guarded(|| tokenizer.encode_fast("", true)).map(|nothing| nothing.get_ids().to_vec());
            let template = nothing.unwrap_or_default();
            let is_said = |(start, end)| template.first() == Some(&start) && template.last() == Some(&end);
            let is_word_piece = matches!(tokenizer.get_model(), ModelWrapper::WordPiece(_));
            if is_said(bert) || is_word_piece && !is_said(roberta) { Family::Bert } else { Family::Roberta }
        }
        (None, Some(_)) => Family::Roberta,
        (_, None) => Family::Bert,
    }
}

fn n_pieces(tokenizer: &tokenizers::Tokenizer) -> usize {
    tokenizer.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1)
}

/// What the library does with a file's parts, a panic being an error: it trusts them more than we can.
fn guarded<T>(work: impl FnOnce() -> Result<T, tokenizers::Error>) -> Result<T, tokenizers::Error> {
    caught(work).unwrap_or_else(|caught| Err(caught.into()))
}

/// What `tokenizer_config.json` says beside byte pairs.
#[derive(Default, Deserialize)]
struct Settings {
    /// Whether a word begins as one behind a blank does.
    add_prefix_space: Option<bool>,
}

/// Gives byte pairs that `tokenizer.json` describes what the file beside it says.
fn settle(folder: &Path, tokenizer: &mut tokenizers::Tokenizer) -> Result<(), PiecesError> {
    let Some(PreTokenizerWrapper::ByteLevel(level)) = tokenizer.get_pre_tokenizer() else { return Ok(()) };
    let Settings { add_prefix_space } = beside(&folder.join("tokenizer_config.json"))?;
    let blank = add_prefix_space.unwrap_or(level.add_prefix_space);
    let level = ByteLevel::new(blank, level.trim_offsets, level.use_regex);
    tokenizer.with_pre_tokenizer(Some(level));
    Ok(())
}

fn byte_pairs(folder: &Path, vocabulary: &Path) -> Result<tokenizers::Tokenizer, PiecesError> {
    let merges = folder.join("merges.txt");
    if !merges.is_file() {
        return Err(fault(&merges, &"expected it beside `vocab.json`, found no such file"));
    }
    text_of(&merges)?;
    if text_of(vocabulary)?.contains(&format!("{END_OF_WORD}\"")) {
        return Err(PiecesError::NoBytes { path: vocabulary.to_path_buf() });
    }
    let settings: Settings = beside(&folder.join("tokenizer_config.json"))?;
    let build = || -> Result<tokenizers::Tokenizer, tokenizers::Error> {
        let model = BPE::from_file(&vocabulary.to_string_lossy(), &merges.to_string_lossy()).build()?;
        let mut tokenizer = tokenizers::Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(ByteLevel::new(settings.add_prefix_space.unwrap_or_default(), true, true)));
        let special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];
        tokenizer.add_special_tokens(special.map(|piece| tokenizers::AddedToken::from(piece, true)))?;
        Ok(tokenizer)
    };
    guarded(build).map_err(|error| fault(vocabulary, &error))
}
