//! The cast of a document: entities with names of their own.
//!
//! Names are put together from word lists of modest size, so that a test document's names are made of parts that were
//! seen in training, in combinations that were not. Nothing in a name tells of a fact: relatives share no surname, and
//! a company none with its city.

use ground::random::Random;

use super::rules::EntityKind;

/// An entity that a document may mention.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    pub(super) kind: EntityKind,
    /// Its full name, words separated by a space.
    pub(super) name: String,
    /// A surname or the first word of a company's name.
    pub(super) short: Option<String>,
    /// `She`, `The city`, …
    pub(super) pronoun: &'static str,
    /// `Her`, `Its`, …
    pub(super) owner: &'static str,
}

/// Entities to draw from, by number: people first, dates last.
#[derive(Debug)]
pub(super) struct Cast {
    actors: Vec<Actor>,
}

/// Places in a list: `start + step · number` modulo its length. As each length is prime, a walk meets every word before
/// it meets one twice; two lists of different length give different pairs until their product is used up.
#[derive(Debug, Clone, Copy)]
struct Walk {
    start: usize,
    step: usize,
    length: usize,
}

/// Women's names end in `a`, men's do not. 47 names.
static GIVEN: [&str; 47] = [
    "Anna", "Boris", "Clara", "David", "Elena", "Felix", "Greta", "Henry", "Irma", "Jonas", "Katia", "Leon", "Maria",
    "Niels", "Olga", "Peter", "Petra", "Ralf", "Rosa", "Simon", "Sara", "Tomas", "Thea", "Ulrich", "Ursula", "Victor",
    "Vera", "Walter", "Wanda", "Xaver", "Yara", "Yannis", "Zora", "Albert", "Berta", "Conrad", "Dora", "Emil", "Flora",
    "Gustav", "Helga", "Igor", "Ida", "Jakob", "Julia", "Karl", "Lena",
];
static SURNAMES: [&str; 29] = [
    "Kell", "Brand", "Holm", "Vorn", "Lind", "Stark", "Fell", "Gard", "Hart", "Jor", "Kram", "Lund", "Merk", "Nord",
    "Ost", "Pell", "Rath", "Sand", "Tam", "Ulm", "Veld", "Wend", "Zell", "Ash", "Birk", "Crom", "Dahl", "Ek", "Frost",
];
static SURNAME_ENDINGS: [&str; 7] = ["er", "man", "sen", "berg", "ov", "ini", "wood"];
static PLACES: [&str; 31] = [
    "Dor", "Kel", "Mar", "Bren", "Tol", "Vis", "Gal", "Hen", "Lor", "Nar", "Ost", "Pal", "Quin", "Ros", "Sel", "Tar",
    "Ur", "Val", "Wes", "Yor", "Zan", "Al", "Bel", "Cor", "Del", "Esk", "Fal", "Gor", "Hal", "Is", "Jun",
];
static CITY_ENDINGS: [&str; 7] = ["vale", "ford", "ham", "burg", "ton", "port", "mouth"];
static DIRECTIONS: [&str; 5] = ["Upper", "Lower", "Northern", "Southern", "Western"];
static REGION_ENDINGS: [&str; 3] = ["shire", "moor", "fells"];
static COUNTRY_ENDINGS: [&str; 5] = ["land", "ia", "stan", "onia", "mark"];
static COMPANIES: [&str; 29] = [
    "Amber", "Beacon", "Cedar", "Delta", "Eagle", "Falcon", "Garnet", "Harbor", "Indigo", "Jasper", "Kestrel",
    "Lantern", "Meridian", "Nimbus", "Orchid", "Pioneer", "Quartz", "Raven", "Summit", "Talon", "Union", "Vertex",
    "Willow", "Zenith", "Anchor", "Bridge", "Comet", "Dragon", "Ember",
];
static COMPANY_ENDINGS: [&str; 5] = ["Press", "Works", "Group", "Media", "House"];
static ADJECTIVES: [&str; 13] = [
    "The Silent",
    "The Golden",
    "The Broken",
    "The Hidden",
    "The Last",
    "The Burning",
    "The Frozen",
    "The Empty",
    "The Distant",
    "The Crimson",
    "The Secret",
    "The Endless",
    "The Blind",
];
static NOUNS: [&str; 17] = [
    "River", "Garden", "Mirror", "Tower", "Harvest", "Island", "Letter", "Forest", "Window", "Journey", "Crown",
    "Winter", "Shadow", "Orchard", "Voyage", "Bell", "Road",
];
static MONTHS: [&str; 11] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"];
static NOTHING: [&str; 1] = [""];

/// Entities of each kind in a document of ten stated facts.
fn size(kind: EntityKind) -> usize {
    match kind {
        EntityKind::Person => 6,
        EntityKind::City | EntityKind::Country | EntityKind::Company | EntityKind::Book => 3,
        EntityKind::Region | EntityKind::Date => 2,
    }
}

impl Cast {
    /// A cast large enough for so many stated facts.
    pub(super) fn new(facts: usize, random: &mut Random) -> Self {
        let mut actors = Vec::new();
        for kind in EntityKind::ALL {
            let names = Names::new(kind, random);
            actors.extend((0..(size(kind) * facts).div_ceil(10).max(2)).map(|number| names.actor(number)));
        }
        Self { actors }
    }

    pub(super) fn len(&self) -> usize {
        self.actors.len()
    }

    pub(super) fn get(&self, number: usize) -> Option<&Actor> {
        self.actors.get(number)
    }

    pub(super) fn kind(&self, number: usize) -> Option<EntityKind> {
        self.get(number).map(|actor| actor.kind)
    }

    /// The number of one entity of a kind.
    pub(super) fn pick(&self, kind: EntityKind, random: &mut Random) -> Option<usize> {
        let first = self.actors.iter().position(|actor| actor.kind == kind)?;
        let count = self.actors.iter().filter(|actor| actor.kind == kind).count();
        Some(first + random.below(count))
    }
}

/// The names of one kind in one document.
struct Names {
    kind: EntityKind,
    stocks: [&'static [&'static str]; 3],
    walks: [Walk; 3],
    years: Walk,
}

impl Names {
    fn new(kind: EntityKind, random: &mut Random) -> Self {
        let stocks: [&[&str]; 3] = match kind {
            EntityKind::Person => [&GIVEN, &SURNAMES, &SURNAME_ENDINGS],
            EntityKind::City => [&NOTHING, &PLACES, &CITY_ENDINGS],
            EntityKind::Region => [&DIRECTIONS, &PLACES, &REGION_ENDINGS],
            EntityKind::Country => [&NOTHING, &PLACES, &COUNTRY_ENDINGS],
            EntityKind::Company => [&COMPANIES, &COMPANY_ENDINGS, &NOTHING],
            EntityKind::Book => [&ADJECTIVES, &NOUNS, &NOTHING],
            EntityKind::Date => [&MONTHS, &NOTHING, &NOTHING],
        };
        let walks = stocks.map(|stock| Walk::new(stock.len(), random));
        Self { kind, stocks, walks, years: Walk::new(199, random) }
    }

    fn actor(&self, number: usize) -> Actor {
        let [first, second, ending] = self.words(number);
        let last = match self.kind {
            EntityKind::Date => (1801 + self.years.at(number)).to_string(),
            _ => format!("{second}{ending}"),
        };
        let short = match self.kind {
            EntityKind::Person => Some(last.clone()),
            EntityKind::Company => Some(first.to_owned()),
            _ => None,
        };
        let (pronoun, owner) = pronoun(self.kind, first);
        let name = if first.is_empty() { last } else { format!("{first} {last}") };
        Actor { kind: self.kind, name, short, pronoun, owner }
    }

    fn words(&self, number: usize) -> [&'static str; 3] {
        let [first, second, third] = self.walks;
        let [a, b, c] = self.stocks;
        [(a, first), (b, second), (c, third)]
            .map(|(stock, walk)| stock.get(walk.at(number)).copied().unwrap_or_default())
    }
}

fn pronoun(kind: EntityKind, first_word: &str) -> (&'static str, &'static str) {
    match kind {
        EntityKind::Person if first_word.ends_with('a') => ("She", "Her"),
        EntityKind::Person => ("He", "His"),
        EntityKind::City => ("The city", "Its"),
        EntityKind::Region => ("The region", "Its"),
        EntityKind::Country => ("The country", "Its"),
        EntityKind::Company => ("The company", "Its"),
        EntityKind::Book => ("The book", "Its"),
        EntityKind::Date => ("That month", "Its"),
    }
}

impl Walk {
    fn new(length: usize, random: &mut Random) -> Self {
        Self { start: random.below(length), step: 1 + random.below(length.saturating_sub(1)), length }
    }

    fn at(self, number: usize) -> usize {
        (self.start + self.step * number) % self.length
    }
}
