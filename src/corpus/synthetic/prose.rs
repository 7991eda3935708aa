//! Facts and distractors → sentences with mentions.

use ground::random::Random;
use table::Text;

use super::closure::{Closure, Origin};
use super::names::{Actor, Cast};
use super::options::Options;
use super::phrases::{distraction, introduction, statement};
use super::rules::Edge;
use super::world;
use crate::document::{Entity, Mention, Token};

/// Of the facts stated across sentences, those whose second sentence has no mention of the head.
const OWNED: f64 = 0.25;

/// The text of a document.
#[derive(Debug, Default)]
pub(super) struct Prose {
    pub(super) sentences: Vec<Vec<Token>>,
    /// Entities in the order of their first mention.
    pub(super) entities: Vec<Entity>,
    /// Each stated fact, and the sentences that state it.
    pub(super) statements: Vec<(Edge, Vec<u32>)>,
    /// By number in the cast: the place in `entities`.
    places: Vec<Option<u32>>,
    tokens: u32,
}

/// One sentence on its own, or two of which the second refers back to the subject of the first.
#[derive(Debug)]
struct Passage {
    lead: Option<Sentence>,
    main: Sentence,
    /// The fact that it states.
    states: Option<Edge>,
}

/// A wording, the entities to put into it, and how the head is referred to.
#[derive(Debug)]
struct Sentence {
    wording: &'static str,
    edge: Edge,
    head: Reference,
}

#[derive(Debug, Clone, Copy)]
enum Reference {
    Name,
    /// The surname or the first word of a company's name; a pronoun for what has none.
    Short,
    Pronoun,
}

/// Puts what is known in a document into words, in random order, with distractors between.
pub(super) fn write(options: &Options, closure: &Closure<'_>, cast: &Cast, random: &mut Random) -> Prose {
    let mut composer = Composer { options, closure, cast, random, distractors_left: options.distractors };
    let mut passages = composer.passages();
    composer.random.shuffle(&mut passages);
    let mut prose = Prose { places: vec![None; cast.len()], ..Prose::default() };
    for passage in &passages {
        prose.write_passage(passage, cast);
    }
    prose
}

struct Composer<'a> {
    options: &'a Options,
    closure: &'a Closure<'a>,
    cast: &'a Cast,
    random: &'a mut Random,
    distractors_left: usize,
}

impl Composer<'_> {
    fn passages(&mut self) -> Vec<Passage> {
        let stated = self.closure.known().iter().filter(|known| matches!(known.source, Origin::Stated));
        let mut passages: Vec<Passage> = Vec::new();
        for edge in stated.map(|known| known.edge) {
            let said = |passage: &Passage| passage.states == Some(edge.reversed());
            if !(edge.relation.is_symmetric() && passages.iter().any(said)) {
                passages.extend(self.statement(edge));
            }
        }
        while self.distractors_left > 0 {
            let main = self.distraction(None);
            passages.extend(main.map(|main| Passage { lead: None, main, states: None }));
        }
        passages
    }

    fn statement(&mut self, stated: Edge) -> Option<Passage> {
        let swap = stated.relation.is_symmetric() && self.random.chance(0.5);
        let edge = if swap { stated.reversed() } else { stated };
        let phrases = statement(edge.relation);
        if !self.random.chance(self.options.across) {
            let rare = self.random.chance(self.options.paraphrase);
            let wording = if rare { phrases.rare } else { *self.random.pick(&phrases.usual)? };
            return Some(Passage { lead: None, main: Sentence::plain(wording, edge), states: Some(stated) });
        }
        let lead = self.lead(edge)?;
        let main = if self.random.chance(OWNED) {
            Sentence::plain(phrases.owned, edge)
        } else {
            let [first, second, _] = phrases.usual;
            let head = *self.random.pick(&[Reference::Pronoun, Reference::Short])?;
            Sentence { wording: self.random.pick(&[first, second])?, edge, head }
        };
        Some(Passage { lead: Some(lead), main, states: Some(stated) })
    }

    /// A sentence whose subject is the head of a fact: a distractor while there are some left.
    fn lead(&mut self, edge: Edge) -> Option<Sentence> {
        let distraction = if self.distractors_left > 0 { self.distraction(Some(edge.head)) } else { None };
        distraction.or_else(|| {
            let kind = self.cast.kind(edge.head)?;
            let wording = self.random.pick(introduction(kind))?;
            Some(Sentence::plain(wording, edge))
        })
    }

    fn distraction(&mut self, subject: Option<usize>) -> Option<Sentence> {
        self.distractors_left = self.distractors_left.saturating_sub(1);
        let edge = world::distractor(subject, self.closure, self.cast, self.random)?;
        let wordings = distraction(self.cast.kind(edge.head)?, self.cast.kind(edge.tail)?);
        Some(Sentence::plain(self.random.pick(wordings)?, edge))
    }
}

impl Sentence {
    fn plain(wording: &'static str, edge: Edge) -> Self {
        Self { wording, edge, head: Reference::Name }
    }
}

impl Prose {
    /// `entity_id` of an entity of the cast, where the text mentions it.
    pub(super) fn place(&self, number: usize) -> Option<u32> {
        self.places.get(number).copied().flatten()
    }

    fn write_passage(&mut self, passage: &Passage, cast: &Cast) {
        let first = self.sentences.len() as u32;
        for sentence in passage.lead.iter().chain([&passage.main]) {
            self.write_sentence(sentence, cast);
        }
        let evidence: Vec<u32> = (first..self.sentences.len() as u32).collect();
        if let Some(edge) = passage.states {
            if edge.relation.is_symmetric() {
                self.statements.push((edge.reversed(), evidence.clone()));
            }
            self.statements.push((edge, evidence));
        }
    }

    fn write_sentence(&mut self, sentence: &Sentence, cast: &Cast) {
        let mut tokens = Vec::new();
        let Edge { head, tail, .. } = sentence.edge;
        let (Some(subject), Some(object)) = (cast.get(head), cast.get(tail)) else { return };
        for word in sentence.wording.split(' ') {
            match word {
                "HEAD" => self.mention(head, subject, subject.referred_to(sentence.head), &mut tokens),
                "TAIL" => self.mention(tail, object, &object.name, &mut tokens),
                "OWNER" => tokens.push(token(subject.owner)),
                word => tokens.push(token(word)),
            }
        }
        self.tokens += tokens.len() as u32;
        self.sentences.push(tokens);
    }

    fn mention(&mut self, number: usize, actor: &Actor, name: &str, tokens: &mut Vec<Token>) {
        let start = self.tokens + tokens.len() as u32;
        tokens.extend(name.split(' ').map(token));
        let mention = Mention {
            name: name.into(),
            kind: actor.kind.mention_type().into(),
            sentence: self.sentences.len() as u32,
            start,
            end: self.tokens + tokens.len() as u32,
        };
        match self.place(number).and_then(|place| self.entities.get_mut(place as usize)) {
            Some(entity) => entity.mentions.push(mention),
            None => self.introduce(number, mention),
        }
    }

    fn introduce(&mut self, number: usize, mention: Mention) {
        if let Some(place) = self.places.get_mut(number) {
            *place = Some(self.entities.len() as u32);
            self.entities.push(Entity { kb_id: None, mentions: vec![mention] });
        }
    }
}

impl Actor {
    fn referred_to(&self, reference: Reference) -> &str {
        match reference {
            Reference::Name => &self.name,
            Reference::Short => self.short.as_deref().unwrap_or(self.pronoun),
            Reference::Pronoun => self.pronoun,
        }
    }
}

fn token(text: &str) -> Token {
    Token { text: Text::from(text), characters: None }
}
