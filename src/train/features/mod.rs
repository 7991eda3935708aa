//! Features of a base that stays as it is: made once, kept beside it, and given to the model in place of its own.
//!
//! Each document is read alone, as in scoring, nothing dropped: a feature hangs on its document and its base. So what
//! is kept and what is made anew for each step, where it would be too much, are the same to the bit on the CPU.
//!
//! With folds, a training document has the features of the base that has not seen it: level-one data, as stacking calls
//! it (Wolpert 1992; Breiman 1996). Stacking passes predictions on, which can be taken for each other's; features
//! cannot, as each base has a space of its own. So all bases begin with the same weights, and those of folds are read by
//! the classifier of the base over all documents, which stays as it is: what it reads in features means the same in
//! each. They do not begin with that base's encoder, which knows the documents by heart, and would tell what it knows of
//! those that are left out; a classifier has little room for documents.

mod folder;
mod over;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use checkpoint::{BASE, Checkpoint, CheckpointConfig};
use ground::identity::Identity;
use ground::interrupt;
use ground::observe::{Event, Observer, Progress};
use ground::workers::Workers;
use model::Model;
use model::example::{Example, Kept};
use nn::Weights;
use nn::device::Compute;
use table::Text;

use super::TrainError;
use super::config::{EncoderSource, TrainConfig};
use super::documents::Documents;
use super::part::Bound;
use super::plan::{fold_folder, folds};
use super::prepare::Prepared;
use folder::Folder;
use over::{Makers, Source};

pub use folder::OURS;
pub use over::OverFeatures;

/// Documents that are read between two looks at whether to stop.
const DOCUMENTS_AT_ONCE: usize = 64;

/// The features of the documents of both splits.
#[derive(Clone)]
pub struct Features {
    /// Of those to train on.
    pub train: Arc<Source>,
    /// Of those that choose the best checkpoint.
    pub dev: Arc<Source>,
}

/// What makes them.
pub struct Frozen<'a> {
    config: &'a TrainConfig,
    prepared: &'a Prepared,
    compute: &'a Compute,
    out: &'a Path,
    /// The whole model over the base that all documents have trained: it knows which pairs it looks at.
    base: Arc<dyn Model>,
    n_folds: u32,
    folder: Folder,
    train: Known,
    dev: Known,
}

/// What is known of a split's documents before features are made of them.
#[derive(Default)]
struct Known {
    names: Vec<Text>,
    /// Pairs of which each has features.
    pairs: Vec<u64>,
    /// Whether any is trained on in parts.
    is_any_large: bool,
}

impl Known {
    fn of(documents: &Documents, base: &dyn Model, bound: Bound) -> Result<Self, TrainError> {
        let mut known = Self::default();
        for example in documents.all() {
            let example = example?;
            known.pairs.push(base.need(&example).pairs);
            known.is_any_large |= bound.is_large(base, &example);
            known.names.push(example.doc_id);
        }
        Ok(known)
    }

    /// Each document's rows, by its name.
    fn named(&self, rows: impl IntoIterator<Item = Tensor>) -> BTreeMap<Text, Kept> {
        self.names.iter().cloned().zip(rows.into_iter().map(Kept)).collect()
    }
}

impl<'a> Frozen<'a> {
    /// Where the base of the run in `out` stays as it is.
    ///
    /// # Errors
    /// Where its base cannot be read.
    pub fn new(
        config: &'a TrainConfig,
        prepared: &'a Prepared,
        out: &'a Path,
        compute: &'a Compute,
    ) -> Result<Self, TrainError> {
        let n_folds = config.second_stage().map_or(0, |second| second.folds);
        let (weights, fingerprint) = prepared.base(out)?;
        let base = maker(weights, &prepared.checkpoint, config.seed, compute)?;
        let [train, dev] = [&prepared.train, &prepared.dev].map(|split| Known::of(split, &*base, Bound::of(config)));
        let (train, dev) = (train?, dev?);
        let identity = Identity::of("features")
            .field("base", &fingerprint)
            .field("model", &config.model.base_of_features())
            .field("documents", &prepared.corpus)
            .field("device", &compute.device.is_cpu())
            .field("precision", &format!("{:?}", compute.precision.dtype()))
            .numbers("pairs", train.pairs.iter().chain(&dev.pairs).copied())
            .field("folds", &(n_folds > 0).then(|| (n_folds, of_first_stage(config, prepared))))
            .finish();
        let base_folder = config.base.clone().unwrap_or_else(|| out.join(BASE));
        let folder = Folder::beside(&base_folder, n_folds, identity);
        Ok(Self { config, prepared, compute, out, base, n_folds, folder, train, dev })
    }

    /// Those that are kept, where they are and may be held.
    ///
    /// # Errors
    /// Where they cannot be read, or the device refuses.
    pub fn find(&self, observe: Observer<'_>) -> Result<Option<Features>, TrainError> {
        if self.is_in_parts() || self.bytes() > self.most() {
            return Ok(None);
        }
        let Some([train, dev]) = self.folder.read() else { return Ok(None) };
        if (train.len(), dev.len()) != (self.train.names.len(), self.dev.names.len()) {
            return Ok(None);
        }
        let (train, dev) = (self.train.named(train), self.dev.named(dev));
        // What the base makes now of one document tells whether they are of this base, as this machine computes.
        let has_pairs = |example: &Result<Example, _>| !example.as_ref().is_ok_and(|example| example.pairs.is_empty());
        let first = self.prepared.dev.all().find(has_pairs).transpose()?;
        if let Some(example) = first
            && let Some(kept) = dev.get(&example.doc_id)
        {
            let made = of_document(&*self.base, &example)?;
            if made.dims() != kept.0.dims() || !are_same(&made, &kept.0)? {
                return Ok(None);
            }
        }
        observe(Event::Note(format!("features of the base are taken from {}", self.folder.path().display())));
        Ok(Some(Features { train: Arc::new(Source::Kept(train)), dev: Arc::new(Source::Kept(dev)) }))
    }

    /// Makes them, by the bases of the folds where there are folds, and keeps them where that is not too much.
    ///
    /// # Errors
    /// Where the base of a fold cannot be read, or the device refuses.
    pub fn make(&self, workers: &Workers, observe: Observer<'_>) -> Result<Features, TrainError> {
        let Prepared { train, dev, .. } = self.prepared;
        let n_documents = train.count();
        let of = folds(n_documents, self.n_folds.max(1), self.config.seed);
        let (bytes, most) = (self.bytes(), self.most());
        let mib = bytes.div_ceil(1 << 20);
        let too_many = (bytes > most).then(|| format!("they are {mib} MiB, and `most_kept` is {}", most >> 20));
        let in_parts = || self.is_in_parts().then(|| "documents are trained on in parts".to_owned());
        let why = too_many.or_else(in_parts);
        if let Some(why) = why {
            observe(Event::Note(format!("features of the base are made anew in each step: {why}")));
            let of = self.train.names.iter().cloned().zip(of.iter().map(|fold| *fold as usize - 1));
            let train = Source::Made(Makers { bases: self.bases()?, of: of.collect() });
            let dev = Source::Made(Makers { bases: vec![self.base.clone()], of: BTreeMap::new() });
            return Ok(Features { train: Arc::new(train), dev: Arc::new(dev) });
        }
        let mut made = vec![None; n_documents];
        for (base, fold) in self.bases()?.into_iter().zip(1..) {
            let places: Vec<usize> = (0..n_documents).filter(|&place| of.get(place) == Some(&fold)).collect();
            let found = read(&*base, (train, &places), workers, observe)?;
            for (place, rows) in places.into_iter().zip(found) {
                if let Some(slot) = made.get_mut(place) {
                    *slot = Some(rows);
                }
            }
        }
        let made: Vec<Tensor> = made.into_iter().flatten().collect();
        let of_dev: Vec<usize> = (0..dev.count()).collect();
        let of_dev = read(&*self.base, (dev, &of_dev), workers, observe)?;
        let told = match self.folder.write([&made, &of_dev]) {
            Ok(()) => format!("features of the base, {mib} MiB, are kept in {}", self.folder.path().display()),
            // A folder of others, or no room: the run has them in memory.
            Err(error) => format!("features of the base are not kept: {error}"),
        };
        observe(Event::Note(told));
        let source = |known: &Known, made: Vec<Tensor>| Arc::new(Source::Kept(known.named(made)));
        Ok(Features { train: source(&self.train, made), dev: source(&self.dev, of_dev) })
    }

    /// The bases that read training documents, fold by fold.
    fn bases(&self) -> Result<Vec<Arc<dyn Model>>, TrainError> {
        if self.n_folds == 0 {
            return Ok(vec![self.base.clone()]);
        }
        let of_fold = |fold| {
            let checkpoint = Checkpoint::load(&self.out.join(fold_folder(fold)), &Device::Cpu)?;
            maker(checkpoint.weights, &self.prepared.checkpoint, self.config.seed, self.compute)
        };
        (1..=self.n_folds).map(of_fold).collect()
    }

    /// Whether steps take parts of documents: each then has features of its own.
    fn is_in_parts(&self) -> bool {
        self.train.is_any_large
    }

    fn bytes(&self) -> u64 {
        let pairs: u64 = self.train.pairs.iter().chain(&self.dev.pairs).sum();
        pairs * (self.base.width() * self.compute.precision.dtype().size_in_bytes()) as u64
    }

    fn most(&self) -> u64 {
        u64::from(self.config.second_stage().unwrap_or_default().most_kept) << 20
    }
}

/// The whole model over the weights of a base: what is beside the base begins at random, and makes no features.
fn maker(
    base: BTreeMap<String, Tensor>,
    of: &CheckpointConfig,
    seed: u64,
    compute: &Compute,
) -> Result<Arc<dyn Model>, TrainError> {
    let weights = Weights::given(base, "model.", seed, &compute.device);
    Ok(Arc::from(of.build(&mut weights.computing_in(compute.precision.dtype()).fixed())?))
}

/// The settings that the bases of folds hang on: training is the same wherever its files lie.
fn of_first_stage(config: &TrainConfig, prepared: &Prepared) -> TrainConfig {
    let placeless = config.without_places();
    TrainConfig {
        model: config.model.base_of_folds().unwrap_or_else(|| config.model.clone()),
        second_stage: None,
        // What identifies them, wherever they are.
        teacher: prepared.taught.as_ref().map(Into::into),
        begin_with: prepared.begun().map(Into::into),
        encoder: prepared.encoder().map_or(placeless.encoder, |content| EncoderSource::Pretrained(content.to_owned())),
        ..placeless
    }
}

/// The features of documents, one by one, side by side.
fn read(
    base: &dyn Model,
    (documents, places): (&Documents, &[usize]),
    workers: &Workers,
    observe: Observer<'_>,
) -> Result<Vec<Tensor>, TrainError> {
    let mut all = Vec::with_capacity(places.len());
    for some in places.chunks(DOCUMENTS_AT_ONCE) {
        interrupt::check()?;
        let job = |place| {
            let example = documents.read(place)?;
            let made = workers.on_the_device(|| of_document(base, &example))?;
            Ok::<_, TrainError>(made.to_device(&Device::Cpu)?)
        };
        all.extend(workers.run(some.to_vec(), job)?);
        observe(Event::Progress(Progress::documents(all.len() as u64).among(places.len() as u64)));
    }
    Ok(all)
}

/// The features of one document; none of one without pairs.
fn of_document(base: &dyn Model, example: &Example) -> candle_core::Result<Tensor> {
    match base.features(std::slice::from_ref(example))? {
        Some(features) => Ok(features),
        None => Tensor::zeros((0, base.width()), DType::F32, &Device::Cpu),
    }
}

fn are_same(made: &Tensor, kept: &Tensor) -> candle_core::Result<bool> {
    let values = |rows: &Tensor| rows.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>();
    Ok(values(made)?.iter().zip(values(kept)?).all(|(made, kept)| made.to_bits() == kept.to_bits()))
}
