//! Which pieces stand around the mentions of entities.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use table::Text;

use super::{PiecesError, Tokenizer};

/// What marks where a mention begins and ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Markers {
    /// `*` before and after (Zhou et al. 2021).
    #[default]
    Star,
    /// Before it a piece of its entity, after it one of its type, as the released programs of DocRE-II and DocRE-SD have
    /// it: of these types the first has `[unused1]`, the next `[unused2]`, and entities have those that follow.
    Typed(Vec<Text>),
}

impl Markers {
    /// Whether they are what documents are cut with unless asked otherwise.
    pub fn is_star(&self) -> bool {
        *self == Self::Star
    }

    /// # Errors
    /// Where no type is named, or one twice.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self::Typed(types) = self else { return Ok(()) };
        let distinct: BTreeSet<&Text> = types.iter().collect();
        match (types.len(), distinct.len()) {
            (0, _) => Err("`markers`: expected the types of entities, got none".to_owned()),
            (all, distinct) if distinct < all => Err("`markers`: expected each type once, got one twice".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Markers as ids of a vocabulary's pieces.
#[derive(Debug, Clone)]
pub(super) enum Marking {
    Star(u32),
    Typed {
        /// Of each type.
        types: BTreeMap<Text, u32>,
        /// Of the first entities; the vocabulary has none for others, which are marked with its unknown piece.
        entities: Vec<u32>,
        unknown: u32,
    },
}

impl Marking {
    pub fn new(markers: &Markers, tokenizer: &Tokenizer) -> Result<Self, PiecesError> {
        let Markers::Typed(types) = markers else { return Ok(Self::Star(tokenizer.marker())) };
        let of_type = |(number, name): (usize, &Text)| {
            let no_piece = || PiecesError::NoMarker { piece: unused(number), name: name.to_string() };
            Ok((name.clone(), tokenizer.id(&unused(number)).ok_or_else(no_piece)?))
        };
        let entities = (types.len() + 1..).map_while(|number| tokenizer.id(&unused(number))).collect();
        let types = (1..).zip(types).map(of_type).collect::<Result<_, PiecesError>>()?;
        // A vocabulary without an unknown piece reads what it lacks as its marker.
        Ok(Self::Typed { types, entities, unknown: tokenizer.unknown().unwrap_or(tokenizer.marker()) })
    }

    /// The piece before a mention of an entity.
    pub fn opening(&self, entity: usize) -> u32 {
        match self {
            Self::Star(marker) => *marker,
            Self::Typed { entities, unknown, .. } => entities.get(entity).copied().unwrap_or(*unknown),
        }
    }

    /// The piece after a mention of a type.
    ///
    /// # Errors
    /// Where the type has none, expected then got.
    pub fn closing(&self, of_type: Option<&Text>) -> Result<u32, String> {
        match self {
            Self::Star(marker) => Ok(*marker),
            Self::Typed { types, .. } => of_type.and_then(|name| types.get(name)).copied().ok_or_else(|| {
                let known: Vec<&str> = types.keys().map(|name| &**name).collect();
                let got = of_type.map_or_else(|| "none".to_owned(), |name| format!("`{name}`"));
                format!("expected one of the types that have markers, `{}`, got {got}", known.join("`, `"))
            }),
        }
    }
}

fn unused(number: usize) -> String {
    format!("[unused{number}]")
}
