//! How sentences are worded. Words are separated by a space; `HEAD`, `TAIL` and `OWNER` stand for mentions.

use super::rules::{EntityKind, Relation};

/// The wordings of a relation. The first two of `usual` open with the head, so that a pronoun can
/// stand there.
pub(super) struct Phrases {
    /// Both entities in one sentence.
    pub(super) usual: [&'static str; 3],
    /// The same in words that are seldom used.
    pub(super) rare: &'static str,
    /// What follows a sentence about the head: `OWNER` refers to it, and is no mention.
    pub(super) owned: &'static str,
}

/// How a relation is stated.
pub(super) fn statement(relation: Relation) -> Phrases {
    match relation {
        Relation::Country => phrases(
            [
                "HEAD belongs to the country TAIL .",
                "HEAD is found in the country TAIL .",
                "TAIL is the country of HEAD .",
            ],
            "HEAD flies the flag of TAIL .",
            "OWNER country is TAIL .",
        ),
        Relation::Birthplace => phrases(
            ["HEAD was born in TAIL .", "HEAD is a native of TAIL .", "TAIL is the birthplace of HEAD ."],
            "HEAD first saw the light in TAIL .",
            "OWNER birthplace is TAIL .",
        ),
        Relation::Spouse => phrases(
            ["HEAD is married to TAIL .", "HEAD and TAIL are a married couple .", "TAIL is the spouse of HEAD ."],
            "HEAD exchanged rings with TAIL .",
            "OWNER spouse is TAIL .",
        ),
        Relation::Citizenship => phrases(
            ["HEAD is a citizen of TAIL .", "HEAD holds a passport of TAIL .", "TAIL counts HEAD among its citizens ."],
            "HEAD may vote in TAIL .",
            "OWNER passport is from TAIL .",
        ),
        Relation::Child => phrases(
            ["HEAD is a parent of TAIL .", "HEAD raised a child , TAIL .", "TAIL is a child of HEAD ."],
            "HEAD gave life to TAIL .",
            "OWNER child is TAIL .",
        ),
        Relation::Author => phrases(
            ["HEAD was written by TAIL .", "HEAD is a novel by TAIL .", "TAIL is an author of HEAD ."],
            "HEAD came from the pen of TAIL .",
            "OWNER author is TAIL .",
        ),
        Relation::Employer => phrases(
            ["HEAD works for TAIL .", "HEAD is employed by TAIL .", "TAIL hired HEAD ."],
            "HEAD draws a salary from TAIL .",
            "OWNER employer is TAIL .",
        ),
        Relation::Headquarters => phrases(
            ["HEAD has its headquarters in TAIL .", "HEAD is run from TAIL .", "TAIL is the seat of HEAD ."],
            "HEAD keeps its main office in TAIL .",
            "OWNER headquarters are in TAIL .",
        ),
        Relation::PartOf => phrases(
            ["HEAD is part of TAIL .", "HEAD forms part of TAIL .", "TAIL includes HEAD ."],
            "HEAD falls under TAIL .",
            "OWNER wider body is TAIL .",
        ),
        Relation::Publication => phrases(
            ["HEAD was published in TAIL .", "HEAD first appeared in TAIL .", "TAIL is the publication date of HEAD ."],
            "HEAD reached the shops in TAIL .",
            "OWNER publication date is TAIL .",
        ),
        Relation::Grandparent => phrases(
            [
                "HEAD is a grandchild of TAIL .",
                "HEAD is fond of a grandparent , TAIL .",
                "TAIL is a grandparent of HEAD .",
            ],
            "HEAD descends at one remove from TAIL .",
            "OWNER grandparent is TAIL .",
        ),
        Relation::Product => phrases(
            ["HEAD produced TAIL .", "HEAD brought out TAIL .", "TAIL is a product of HEAD ."],
            "HEAD put its name on TAIL .",
            "OWNER main product is TAIL .",
        ),
        Relation::Partner => phrases(
            ["HEAD is a partner of TAIL .", "HEAD and TAIL work together .", "TAIL is a colleague of HEAD ."],
            "HEAD shares an office with TAIL .",
            "OWNER partner is TAIL .",
        ),
        Relation::Sibling => phrases(
            ["HEAD is a sibling of TAIL .", "HEAD and TAIL are siblings .", "HEAD grew up with a sibling , TAIL ."],
            "HEAD shared a nursery with TAIL .",
            "OWNER sibling is TAIL .",
        ),
    }
}

const fn phrases(usual: [&'static str; 3], rare: &'static str, owned: &'static str) -> Phrases {
    Phrases { usual, rare, owned }
}

/// What joins two entities in a sentence and yet is no relation of the corpus.
pub(super) fn distraction(head: EntityKind, tail: EntityKind) -> &'static [&'static str] {
    match (head, tail) {
        (EntityKind::Person, EntityKind::Person) => {
            &["HEAD once met TAIL .", "HEAD wrote a letter to TAIL .", "HEAD admires TAIL ."]
        }
        (EntityKind::Person, EntityKind::Company) => &["HEAD once praised TAIL .", "HEAD wrote a letter to TAIL ."],
        (EntityKind::Person, _) => {
            &["HEAD once visited TAIL .", "HEAD often dreams of TAIL .", "HEAD has never seen TAIL ."]
        }
        (EntityKind::Company, EntityKind::Company) => &["HEAD competes with TAIL .", "HEAD once praised TAIL ."],
        (EntityKind::Company, EntityKind::Book) => &["HEAD refused TAIL .", "HEAD once praised TAIL ."],
        (EntityKind::Book, EntityKind::Person) => &["HEAD was praised by TAIL .", "HEAD was dedicated to TAIL ."],
        (EntityKind::Book, _) => &["HEAD was translated in TAIL .", "HEAD won a prize in TAIL ."],
        _ => &["HEAD trades with TAIL .", "HEAD is far from TAIL ."],
    }
}

/// What is said of an entity alone, before a sentence that refers back to it.
pub(super) fn introduction(kind: EntityKind) -> &'static [&'static str] {
    match kind {
        EntityKind::Person => &["HEAD leads a quiet life .", "HEAD is widely known ."],
        EntityKind::City | EntityKind::Region | EntityKind::Country => {
            &["HEAD is an old place .", "HEAD is widely known ."]
        }
        EntityKind::Company => &["HEAD is growing fast .", "HEAD is widely known ."],
        EntityKind::Book | EntityKind::Date => &["HEAD is often recalled .", "HEAD is widely known ."],
    }
}
