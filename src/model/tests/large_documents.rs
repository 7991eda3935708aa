//! Documents of many pairs: scored in chunks, they are scored alike.

use candle_core::{Device, Tensor};
use encoder::{read_config, read_weights};
use ground::workers::Workers;
use nn::Weights;

use super::{distance, examples, folder};
use crate::atlop::{Atlop, AtlopConfig};
use crate::decode::Wanted;
use crate::example::Example;
use crate::predict::{Budget, Prediction, predict};
use crate::trace::Span;
use crate::{Model, Scores, Task};

/// A model that is asked for few pairs at a time thinks the same.
pub fn check_chunks(model: &dyn Model, examples: &[Example]) {
    let whole = model.score(examples).unwrap().unwrap();
    let n_pairs = whole.logits.dim(0).unwrap();
    for at_once in [1, 7, n_pairs - 1, n_pairs] {
        let mut parts: Vec<Scores> = Vec::new();
        let mut found = |scores: Scores| {
            assert!(scores.logits.dim(0)? <= at_once);
            parts.push(scores);
            Ok(())
        };
        model.score_in_chunks(examples, at_once, &mut found).unwrap();
        let joined = |part: &dyn Fn(&Scores) -> Option<Tensor>| {
            let parts: Option<Vec<Tensor>> = parts.iter().map(part).collect();
            parts.map(|parts| Tensor::cat(&parts, 0).unwrap())
        };
        let logits = joined(&|scores| Some(scores.logits.clone())).unwrap();
        assert!(distance(&logits, &whole.logits) < 1e-4, "{at_once} pairs at once");
        match (joined(&|scores| scores.base.clone()), &whole.base) {
            (Some(base), Some(whole)) => assert!(distance(&base, whole) < 1e-4),
            (base, whole) => assert_eq!((base.is_none(), whole.is_none()), (true, true)),
        }
        let changed: Option<Vec<Vec<u32>>> = parts.iter().map(|scores| scores.changed.clone()).collect();
        assert_eq!(changed.map(|parts| parts.concat()), whole.changed);
        assert_eq!(held(&parts), held(std::slice::from_ref(&whole)));
    }
    let workers = Workers::new().unwrap();
    let all = Budget::on(&Device::Cpu, model, Some(2048));
    let usual = predict(&workers, model, examples.to_vec(), Wanted::predicted(4), all).unwrap();
    let keys = |predictions: &[Vec<Prediction>]| -> Vec<Vec<(u32, u32, u32)>> {
        let key = |found: &Prediction| (found.head, found.tail, found.relation.class);
        predictions.iter().map(|found| found.iter().map(key).collect()).collect()
    };
    let few = Budget { pieces: 2048, pairs: 7 };
    assert_eq!(keys(&predict(&workers, model, examples.to_vec(), Wanted::predicted(4), few).unwrap()), keys(&usual));
}

/// What pairs were given when, by their places among all.
fn held(parts: &[Scores]) -> Vec<(usize, Span, u32)> {
    let firsts = parts.iter().scan(0, |next, part| {
        let first = *next;
        *next += part.logits.dim(0).unwrap();
        Some(first)
    });
    let of_part = |(first, part): (usize, &Scores)| -> Vec<_> {
        part.held.iter().map(|held| (first + held.pair as usize, held.span, held.relation.class)).collect()
    };
    firsts.zip(parts).flat_map(of_part).collect()
}

#[test]
fn atlop_scores_pairs_in_chunks_alike() {
    for name in ["atlop_bert", "atlop_roberta"] {
        let folder = folder(name);
        let mut weights = Weights::given(read_weights(&folder, &Device::Cpu).unwrap(), "", 0, &Device::Cpu);
        let task = Task { encoder: &read_config(&folder).unwrap(), n_classes: 97, most_labels: 4 };
        let model =
            Atlop::new(&task, &AtlopConfig { embedding: 64, block: 16, ..AtlopConfig::default() }, &mut weights)
                .unwrap();
        check_chunks(&model, &examples());
    }
}
