//! What the second stage learns: losses by labels, and maybe by a teacher, of the base and of the module, and a
//! contrastive loss.
//!
//! The module is told two views of what is predicted, R and R̂, each with noise of its own ([`super::noise`]). It predicts
//! by the first. The contrastive loss compares M, what it makes of (F, R), and M̂, what it makes of (R̂, F), the two
//! reversed: `L_C = 2 − cos(MLP(M̂), sg(M)) − cos(MLP(M), sg(M̂))` (Eq. 14), where sg stops the gradient.
//!
//! With `second_view` it predicts by both, as in the released program, and the losses compare each view as it is read
//! with the other one reversed: `2 − cos(MLP(M₁), sg(M̂₂)) − cos(MLP(M₂), sg(M̂₁))`.
//!
//! Projections that compare states have layer norm where the released program has batch norm: a document's loss does
//! not depend on what it is batched with.

use candle_core::{Result, Tensor};

use ground::random::Random;
use nn::Mode;
use nn::ops::{Places, gather, is_fused};

use super::DocreIi;
use super::config::{Contrastive, NoiseOn};
use super::inference::Inference;
use super::negatives::{Negatives, Sample};
use super::noise::{Classes, DRAWN, Told, noisy, noisy_gold, shares};
use crate::all_pairs::AllPairs;
use crate::attention::{Matrices, matrices};
use crate::contract::{Lesson, Loss};
use crate::example::Example;
use crate::loss::{among_others, among_others_of_padded, cosine};
use crate::pair_matrix::{PairMatrix, by_document, by_documents};
use crate::teaching::added;
use crate::threshold_loss::Judge;

/// What the module is told of all pairs, and where it is judged by what it makes of that.
struct View {
    /// R: `(pairs, width)`.
    relations: Tensor,
    /// The rows of the pairs; `None`: of all.
    rows: Option<Vec<u32>>,
}

/// What views are made of.
struct Seen<'a> {
    inference: &'a Inference,
    features: &'a Tensor,
    all: &'a AllPairs<'a>,
    /// What is predicted for each pair, where the noise is on that.
    found: Vec<Vec<u32>>,
    /// What holds for each pair that is asked about.
    gold: Vec<&'a Vec<u32>>,
    /// The documents, with the pairs that are asked about alone.
    examples: &'a [Example],
}

impl DocreIi {
    /// The losses of a model with a module, by `(pairs, width)` features and the base's logits, and labels of the pairs
    /// that are asked about, which alone are judged.
    pub(super) fn losses(
        &self,
        inference: &Inference,
        (lesson, all, judge): (&Lesson, &AllPairs, &Judge),
        [features, logits, labels]: [&Tensor; 3],
        random: &mut Random,
    ) -> Result<Loss> {
        let gold: Vec<&Vec<u32>> = lesson.examples.iter().flat_map(|example| &example.labels).collect();
        let of_base = self.judged_by(&gold, random);
        let asked = 0..all.n_asked();
        let of_asked = all.asked(logits, &asked)?;
        let of_base = of_rows(judge, [&of_asked, labels], of_base.as_deref())?;
        let found = match self.config.noise_on {
            NoiseOn::Predictions => self.predicted(&logits.detach())?,
            NoiseOn::Gold => Vec::new(),
        };
        let features = &inference.reduce(features, &mut Mode::Train(random))?;
        let seen = Seen { inference, features, all, found, gold, examples: lesson.examples };
        let [for_first, for_second] = self.shares(lesson);
        let (first, second) =
            (self.view(&seen, false, for_first, random)?, self.view(&seen, true, for_second, random)?);
        let mode = &mut Mode::Train(random);
        let absent = self.absent(lesson.examples, features.device())?;
        let mut read = |view: &View| {
            let states = all.asked(&inference.forward(features, &view.relations, all.matrices(), mode)?, &asked)?;
            let logits = absent.leave_out_of_all(inference.classify(&states)?)?;
            let loss = of_rows(judge, [&logits, labels], view.rows.as_deref())?;
            Ok::<_, candle_core::Error>((states, logits, loss))
        };
        let (states, logits, loss) = read(&first)?;
        let mut threshold = (of_base + loss)?;
        let others = self.config.second_view.then(|| read(&second)).transpose()?;
        if let Some((.., loss)) = &others {
            threshold = (threshold + loss)?;
        }
        let predictions = [&of_asked, &logits].into_iter().chain(others.as_ref().map(|(_, logits, _)| logits));
        let taught = self.config.teaching.of(lesson.teacher.as_ref(), predictions)?;
        let states = (&states, others.as_ref().map(|(states, ..)| states));
        let contrast = self.contrast(&seen, [&first, &second], states, &matrices(lesson.examples), mode)?;
        let auxiliary = added(contrast, taught)?;
        Ok(Loss { auxiliary, ..threshold.into() })
    }

    /// The contrastive loss, where there is one, by what the module makes of the first view and, where it predicts by that
    /// too, of the second.
    fn contrast(
        &self,
        Seen { inference, features, all, .. }: &Seen,
        [first, second]: [&View; 2],
        (states, others): (&Tensor, Option<&Tensor>),
        of_asked: &Matrices,
        mode: &mut Mode,
    ) -> Result<Option<Tensor>> {
        let Some(contrastive) = self.config.contrastive() else { return Ok(None) };
        let mut reverse = |view: &View| {
            let states = inference.forward(&view.relations, features, all.matrices(), mode)?;
            all.asked(&states, &(0..all.n_asked()))
        };
        let reversed = reverse(second)?;
        let compared = match others {
            Some(others) if contrastive == Contrastive::StopGradient => {
                let first_reversed = reverse(first)?;
                apart([&inference.project(states)?, &inference.project(others)?], [&reversed, &first_reversed])?
            }
            _ => {
                let projected = [inference.project(states)?, inference.project(&reversed)?];
                self.compared(contrastive, [states, &reversed], projected.each_ref(), of_asked)?
            }
        };
        Ok(Some((compared * self.config.contrastive_weight)?))
    }

    /// The mean over pairs of how M and M̂ differ, by these states and their projections, `(pairs, width)`.
    fn compared(
        &self,
        contrastive: Contrastive,
        states: [&Tensor; 2],
        projected: [&Tensor; 2],
        matrices: &Matrices,
    ) -> Result<Tensor> {
        match contrastive {
            Contrastive::Simclr => among(projected, matrices, self.config.simclr_temperature),
            Contrastive::StopGradient | Contrastive::None => {
                let [one, other] = projected;
                apart([other, one], states)
            }
        }
    }

    /// What is made wrong of each view ([`shares`]): once a step, though its parts draw for themselves where.
    pub(crate) fn shares(&self, lesson: &Lesson) -> [[f64; 2]; 2] {
        let mut shared = lesson.shared.clone();
        [(); 2].map(|()| shares(self.config.noise_on, self.config.noise, &mut shared))
    }

    /// One of the two views.
    fn view(&self, seen: &Seen, is_second: bool, shares: [f64; 2], random: &mut Random) -> Result<View> {
        let negatives = match (self.config.noise_on, self.config.negatives) {
            (NoiseOn::Gold, Negatives::All) => DRAWN,
            (_, negatives) => negatives,
        };
        let sample = Sample::draw(&seen.gold, negatives, random);
        let Told { sets, is_wrong } = match self.config.noise_on {
            NoiseOn::Predictions => {
                let gold: Vec<&Vec<u32>> = seen.all.examples.iter().flat_map(|example| &example.labels).collect();
                let classes = Classes::of(&seen.all.examples, self.n_classes);
                let Told { sets, is_wrong } = noisy(&seen.found, &gold, &classes, shares[0], random);
                Told { sets, is_wrong: seen.all.asked_of(&is_wrong, &(0..seen.all.n_asked())) }
            }
            NoiseOn::Gold => {
                let classes = Classes::of(seen.examples, self.n_classes);
                let Told { sets, is_wrong } = noisy_gold(&seen.gold, &sample, &classes, shares, random);
                Told { sets: seen.all.spread(sets), is_wrong }
            }
        };
        let rows = match self.config.negatives {
            Negatives::All => None,
            Negatives::APositive(_) if is_second => Some(sample.rows_of_second(&is_wrong, random)),
            Negatives::APositive(_) => Some(sample.rows()),
        };
        Ok(View { relations: self.embed(seen.inference, &sets, seen.features)?, rows })
    }

    /// The rows of the pairs of which a loss is a mean; `None`: of all.
    fn judged_by(&self, gold: &[&Vec<u32>], random: &mut Random) -> Option<Vec<u32>> {
        let negatives = self.config.negatives;
        (negatives != Negatives::All).then(|| Sample::draw(gold, negatives, random).rows())
    }
}

/// The loss of some rows by labels.
fn of_rows(judge: &Judge, [logits, labels]: [&Tensor; 2], rows: Option<&[u32]>) -> Result<Tensor> {
    let Some(rows) = rows else { return judge.of(logits, labels) };
    let places = Places::new(rows, logits.device())?;
    judge.of(&gather(logits, &places)?, &gather(labels, &places)?)
}

/// The mean over pairs of `2 − cos(p, sg(f)) − cos(p′, sg(f′))`; all are `(pairs, width)`.
///
/// # Errors
/// Where the shapes differ.
pub fn apart([one, other]: [&Tensor; 2], fixed: [&Tensor; 2]) -> Result<Tensor> {
    let [of_one, of_other] = fixed.map(Tensor::detach);
    (2.0 - (cosine(one, &of_one)? + cosine(other, &of_other)?)?)?.mean_all()
}

/// The mean over pairs of how badly a pair is told from the others of its document by its other state.
fn among(projected: [&Tensor; 2], matrices: &[PairMatrix], temperature: f64) -> Result<Tensor> {
    let losses = if is_fused(projected[0]) {
        by_document(matrices, projected, |[one, other]| among_others(&one, &other, temperature))?
    } else {
        by_documents(matrices, projected, |[one, other], there| {
            among_others_of_padded(&one, &other, &there, temperature)
        })?
    };
    losses.mean_all()
}
