//! The models from within: layers against the reference and against plain arithmetic, losses, and what each part is
//! worth.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail where it stands")]
#![expect(clippy::print_stdout, reason = "what is measured is said in words")]
#![expect(clippy::float_cmp, reason = "plain tests")]

mod absent;
mod batches;
mod docre_ii;
mod docre_ii_settings;
mod docre_sd;
mod evidence;
mod heads;
mod large_documents;
mod layer_cost;
mod losses;

use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use ground::random::Random;

use crate::example::Example;

/// A folder of golden values: below `DOCRE_GOLDEN`, where a test runs on another machine than it was built on.
fn folder(name: &str) -> PathBuf {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    std::env::var_os("DOCRE_GOLDEN").map_or_else(beside, PathBuf::from).join(name)
}

/// A small encoder.
fn encoder_folder() -> PathBuf {
    folder("atlop_bert")
}

/// Documents of some pieces and entities, all pairs of them, and a few labels.
fn examples() -> Vec<Example> {
    (0..4).map(example).collect()
}

fn example(seed: u64) -> Example {
    let mut random = Random::new(seed);
    let n_entities = 3 + seed as u32;
    let n_mentions: Vec<usize> = (0..n_entities).map(|_| 1 + random.below(2)).collect();
    let n_pieces = 40 + 30 * seed as usize;
    let pairs = (0..n_entities).flat_map(|head| (0..n_entities).map(move |tail| (head, tail)));
    let pairs: Vec<(u32, u32)> = pairs.filter(|(head, tail)| head != tail).collect();
    let mut label = |_: &(u32, u32)| if random.chance(0.3) { vec![1 + random.below(96) as u32] } else { Vec::new() };
    let labels = pairs.iter().map(&mut label).collect();
    Example {
        doc_id: format!("document {seed}").into(),
        ids: (0..n_pieces).map(|_| 5 + random.below(1000) as u32).collect(),
        mentions: (0..n_mentions.iter().sum()).map(|_: usize| 1 + random.below(n_pieces - 2) as u32).collect(),
        labels,
        n_mentions,
        pairs,
        ..Example::default()
    }
}

/// Greatest absolute difference.
fn distance(one: &Tensor, other: &Tensor) -> f32 {
    assert_eq!(one.dims(), other.dims());
    let [one, other] = [one, other].map(|tensor| tensor.to_device(&Device::Cpu).unwrap().to_dtype(DType::F32).unwrap());
    let difference = (one - other).unwrap();
    difference.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}
