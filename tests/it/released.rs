//! Models that the released code of DocRE-II and DocRE-SD makes: small ones with random weights, through files and the
//! program, and what the two programs' own operations gave for two documents.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, safetensors};
use docre::checkpoint::{Checkpoint, read_config};
use docre::examples::{Batch, Taken, examples};
use docre::model::{Model, ModelConfig};
use docre::nn::Weights;
use docre::pieces::{Cutter, Markers};
use docre::table;
use docre::table::rows::{PieceRow, RelationRow};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::golden::{distance, folder};
use crate::support::{Run, docre};

const KINDS: [&str; 2] = ["docre_ii", "docre_sd"];
/// How far logits may be from the released code's.
const NEAR: f32 = 1e-4;

struct Fixture {
    golden: PathBuf,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self { golden: folder("released"), folder: TempDir::new().unwrap() };
        let documents = fixture.golden.join("docs.json");
        let out = fixture.path("corpus");
        let arguments = ["convert", "--format", "docred", "--split", "dev", "--out", text(&out), text(&documents)];
        done(&docre(arguments));
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `docre checkpoint` of a state dict.
    fn convert(&self, weights: &Path, more: &[&str]) -> Run {
        let [relations, out] = [self.golden.join("rel2id.json"), self.path("checkpoint")];
        let named = [("--from", weights), ("--encoder", &self.golden), ("--relations", &relations), ("--out", &out)];
        let named = named.iter().flat_map(|(name, path)| [*name, text(path)]);
        docre(["checkpoint"].into_iter().chain(named).chain(more.iter().copied()))
    }

    fn import(&self, kind: &str) -> Run {
        let types = self.golden.join("ner2id.json");
        let run = self.convert(&self.weights(kind), &["--types", text(&types), "--force"]);
        done(&run);
        run
    }

    fn weights(&self, kind: &str) -> PathBuf {
        self.golden.join(kind).join("model.safetensors")
    }

    fn expected(&self, kind: &str) -> HashMap<String, Tensor> {
        safetensors::load(self.golden.join(kind).join("expected.safetensors"), &Device::Cpu).unwrap()
    }

    /// The documents as the checkpoint reads them.
    fn batch(&self, checkpoint: Checkpoint) -> Batch {
        let config = checkpoint.config;
        let cutter = Cutter::new(checkpoint.tokenizer, config.most_pieces).marking(&config.markers);
        let (relations, none) = (config.relations(), BTreeSet::new());
        let taken = Taken { relations: &relations, left_out: &none, passes_over: false, evidence: false, documents: 2 };
        let mut batches: Vec<Batch> =
            examples(&self.path("corpus/dev"), &mut cutter.unwrap(), taken).unwrap().map(Result::unwrap).collect();
        assert_eq!(batches.len(), 1);
        batches.remove(0)
    }

    /// A state dict with some weights left out.
    fn without(&self, kind: &str, left_out: &str) -> PathBuf {
        let weights = safetensors::load(self.weights(kind), &Device::Cpu).unwrap();
        let kept: HashMap<String, Tensor> =
            weights.into_iter().filter(|(name, _)| !name.starts_with(left_out)).collect();
        let path = self.path("some.safetensors");
        safetensors::save(&kept, &path).unwrap();
        path
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn done(run: &Run) {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// The rows of a matrix of all pairs, `(entities, entities, classes)`, for some of them.
fn of_pairs(matrix: &Tensor, pairs: &[(u32, u32)]) -> Tensor {
    let row = |&(head, tail): &(u32, u32)| matrix.get(head as usize).unwrap().get(tail as usize).unwrap();
    Tensor::stack(&pairs.iter().map(row).collect::<Vec<_>>(), 0).unwrap()
}

/// All logits of the documents, in the order of their pairs.
fn all(batch: &Batch, expected: &HashMap<String, Tensor>, name: &str) -> Tensor {
    let documents = batch.examples.iter().enumerate();
    let of = documents.map(|(place, example)| of_pairs(&expected[&format!("{place}.{name}")], &example.pairs));
    Tensor::cat(&of.collect::<Vec<_>>(), 0).unwrap()
}

/// The checkpoint's model and its variables where it computes in a type: on the CPU in f32 by fused operations, else by
/// others.
fn built(folder: &Path, computing: DType) -> (Box<dyn Model>, Weights) {
    let checkpoint = Checkpoint::load(folder, &Device::Cpu).unwrap();
    let mut weights = Weights::given(checkpoint.weights, "", 0, &Device::Cpu).computing_in(computing);
    (checkpoint.config.build(&mut weights).unwrap(), weights)
}

fn model(folder: &Path, computing: DType) -> Box<dyn Model> {
    built(folder, computing).0
}

fn norm(x: &Tensor) -> f64 {
    let squares = x.to_dtype(DType::F64).unwrap().sqr().unwrap();
    squares.sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt()
}

#[test]
fn a_released_model_gives_the_logits_that_it_gave() {
    for kind in KINDS {
        let fixture = Fixture::new();
        fixture.import(kind);
        let (folder, expected) = (fixture.path("checkpoint"), fixture.expected(kind));
        let batch = fixture.batch(Checkpoint::load(&folder, &Device::Cpu).unwrap());
        for (place, example) in batch.examples.iter().enumerate() {
            let ids = expected[&format!("{place}.input_ids")].to_dtype(DType::U32).unwrap();
            assert_eq!(example.ids, ids.to_vec1::<u32>().unwrap(), "{kind}: document {place}");
        }
        for computing in [DType::F32, DType::F64] {
            let scores = model(&folder, computing).score(&batch.examples).unwrap().unwrap();
            let off = distance(&scores.logits, &all(&batch, &expected, "logits"));
            assert!(off < NEAR, "{kind}, {computing:?}: {off}");
            assert_eq!(scores.base.is_some(), kind == "docre_ii");
            if let Some(base) = scores.base {
                let off = distance(&base, &all(&batch, &expected, "base_logits"));
                assert!(off < NEAR, "{kind}, {computing:?}: base: {off}");
            }
        }
        let out = fixture.path("out");
        let (corpus, checkpoint) = (fixture.path("corpus"), text(&folder));
        let arguments =
            ["score", "--checkpoint", checkpoint, "--corpus", text(&corpus), "--split", "dev", "--out", text(&out)];
        done(&docre(arguments));
        let places: BTreeMap<&str, usize> =
            batch.examples.iter().zip(0..).map(|(example, place)| (&*example.doc_id, place)).collect();
        let mut found = 0;
        for row in table::read::<RelationRow>(&out).unwrap().flat_map(Result::unwrap) {
            let matrix = &expected[&format!("{}.logits", places[&*row.doc_id])];
            let logits = of_pairs(matrix, &[(row.head, row.tail)]).squeeze(0).unwrap().to_vec1::<f32>().unwrap();
            // `P1` is class 1.
            let class: usize = row.relation[1..].parse().unwrap();
            assert!((row.logit - logits[class]).abs() < NEAR, "{kind}: {row:?}");
            assert!((row.threshold_logit - logits[0]).abs() < NEAR, "{kind}: {row:?}");
            found += 1;
        }
        assert!(found > 5, "{kind}: {found}");
    }
}

/// The encoder has four layers, of which three are read: where operations are not fused, the first is a node of the graph.
#[test]
fn the_squares_of_its_logits_have_the_gradients_that_they_had() {
    for kind in KINDS {
        let fixture = Fixture::new();
        fixture.import(kind);
        let folder = fixture.path("checkpoint");
        let batch = fixture.batch(Checkpoint::load(&folder, &Device::Cpu).unwrap());
        let given = safetensors::load(fixture.weights(kind), &Device::Cpu).unwrap();
        let json = fs::read(fixture.golden.join(kind).join("expected.json")).unwrap();
        let expected: Value = serde_json::from_slice(&json).unwrap();
        for computing in [DType::F32, DType::F64] {
            let (model, weights) = built(&folder, computing);
            let logits = model.score(&batch.examples).unwrap().unwrap().logits;
            let loss = logits.sqr().unwrap().sum_all().unwrap();
            let off = f64::from(loss.to_scalar::<f32>().unwrap()) / expected["loss"].as_f64().unwrap() - 1.0;
            assert!(off.abs() < 1e-5, "{kind}, {computing:?}: {off}");
            let grads = loss.backward().unwrap();
            let mut checked = 0;
            for (name, variable) in weights.variables() {
                // Values tell which weight of the released code it is.
                let is_it = |(_, weight): &(&String, &Tensor)| {
                    weight.dims() == variable.dims() && distance(weight, variable.as_tensor()) == 0.0
                };
                let (theirs, _) = given.iter().find(is_it).unwrap();
                let Some(expected) = expected["gradient_l2"][theirs].as_f64() else { continue };
                let found = norm(grads.get(variable).unwrap_or_else(|| panic!("{kind}: {name}: no gradient")));
                // A bias of keys shifts all scores of a pair alike.
                let fits = (found - expected).abs() < 1e-3 * expected.max(0.1) || name.ends_with("key.bias");
                assert!(fits, "{kind}, {computing:?}: {name}: expected {expected}, got {found}");
                checked += 1;
            }
            assert_eq!(checked, expected["gradient_l2"].as_object().unwrap().len(), "{kind}");
        }
    }
}

#[test]
fn what_an_import_makes_says_how_the_released_code_reads() {
    let fixture = Fixture::new();
    let types = ["ORG", "LOC", "TIME", "PER", "MISC", "NUM"].map(Into::into).to_vec();
    for (kind, told) in [
        ("docre_ii", "warning: 9 weights are not used: `CCA.MLP.0.bias`, `CCA.MLP.0.weight`, `CCA.MLP.1.bias`, …"),
        ("docre_sd", "note: 3 weights are not used: `model.embeddings.position_ids`, `model.pooler.dense.bias`, "),
    ] {
        let run = fixture.import(kind);
        assert!(run.stderr.starts_with(told), "{kind}: {}", run.stderr);
        let config = read_config(&fixture.path("checkpoint")).unwrap();
        assert_eq!(config.markers, Markers::Typed(types.clone()), "{kind}");
        // BERT's 24 positions, three times.
        assert_eq!(config.encoder.max_position_embeddings, 72, "{kind}");
        let model = serde_json::to_value(&config.model).unwrap();
        let common = json!({"embedding": 16, "block": 4, "pair_feature": "released", "averaged_layers": 3,
            "mentions": "both"});
        let own = if kind == "docre_ii" {
            json!({"kind": "docre-ii", "K": 3, "N_I": 2, "inference_width": 8, "logits": "sum", "contrastive": "none"})
        } else {
            json!({"kind": "docre-sd", "L": 2, "highway": true, "moving_average": true, "distillation": "self"})
        };
        for (name, value) in common.as_object().unwrap().iter().chain(own.as_object().unwrap()) {
            assert_eq!(&model[name], value, "{kind}: {name}");
        }
    }
}

#[test]
fn a_state_dict_without_the_module_is_that_of_a_base() {
    let fixture = Fixture::new();
    let types = fixture.golden.join("ner2id.json");
    done(&fixture.convert(&fixture.without("docre_ii", "CCA."), &["--types", text(&types)]));
    let folder = fixture.path("checkpoint");
    let config = read_config(&folder).unwrap();
    assert!(matches!(config.model, ModelConfig::DocreIi(config) if config.iterations == 0));
    let batch = fixture.batch(Checkpoint::load(&folder, &Device::Cpu).unwrap());
    let scores = model(&folder, DType::F32).score(&batch.examples).unwrap().unwrap();
    let off = distance(&scores.logits, &all(&batch, &fixture.expected("docre_ii"), "base_logits"));
    assert!(off < NEAR, "{off}");
}

#[test]
fn what_does_not_fit_the_released_code_is_refused() {
    let fixture = Fixture::new();
    let numbers = fixture.path("numbers.json");
    let refused = |weights: &Path, types: Option<&Value>, expected: &str| {
        let named = ["--types", text(&numbers)];
        types.iter().for_each(|types| fs::write(&numbers, types.to_string()).unwrap());
        let run = fixture.convert(weights, if types.is_some() { &named } else { &[] });
        assert_eq!(run.code, Some(1), "{expected}");
        assert!(run.stderr.contains(expected), "{}", run.stderr);
        assert!(!fixture.path("checkpoint").exists());
    };
    let (weights, six) = (fixture.weights("docre_ii"), json!({"A": 1, "B": 2, "C": 3, "D": 4, "E": 5, "F": 6}));
    refused(&weights, None, "expected the numbers of types (`--types`), by which its code marks mentions, got none");
    let other = "expected types of the numbers 1 to 6, as the released code counts entities from 7, got 1, 3";
    refused(&weights, Some(&json!({"BLANK": 0, "A": 1, "B": 3})), other);
    refused(&weights, Some(&json!(["A"])), "expected an object that gives each type of entities its number");
    let partial = fixture.without("docre_ii", "CCA.Online_inference.Layers.1.gate");
    refused(&partial, Some(&six), "weight `inference.layer.1.gate.weight`: expected");
    let headless = fixture.without("docre_sd", "Reasoning_module.relation_layer");
    refused(&headless, Some(&six), "expected a state dict of ATLOP, DocRE-II or DocRE-SD, found no weight of");
    let atlop = folder("atlop_bert").join("model.safetensors");
    refused(&atlop, Some(&six), "expected a state dict of DocRE-II or DocRE-SD beside types, got one of ATLOP");
}

#[test]
fn mentions_are_marked_as_the_checkpoint_says_whatever_table_stands_there() {
    let fixture = Fixture::new();
    fixture.import("docre_ii");
    let (corpus, checkpoint) = (fixture.path("corpus"), fixture.path("checkpoint"));
    let encode = |encoder: &Path, more: &[&str]| {
        let arguments = ["encode", "--corpus", text(&corpus), "--split", "dev", "--encoder", text(encoder)];
        docre(arguments.iter().chain(more))
    };
    let score = |name: &str| -> Vec<RelationRow> {
        let (out, corpus) = (fixture.path(name), text(&corpus));
        let arguments = ["score", "--checkpoint", text(&checkpoint), "--corpus", corpus, "--split", "dev"];
        done(&docre(arguments.into_iter().chain(["--run-id", "one", "--out", text(&out)])));
        table::read::<RelationRow>(&out).unwrap().flat_map(Result::unwrap).collect()
    };
    let pieces = || table::read::<PieceRow>(&corpus.join("dev")).unwrap().flat_map(Result::unwrap).next().unwrap();
    let expected = score("cut");
    done(&encode(&fixture.golden, &[]));
    // `*` is in none of these vocabularies.
    let unknown = 11;
    assert_eq!(pieces().ids[1], unknown);
    assert_eq!(score("beside_others"), expected);
    let run = encode(&checkpoint, &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("hint: pass `--force` to replace it"), "{}", run.stderr);
    done(&encode(&checkpoint, &["--force"]));
    // `[unused7]` is the first entity's, `[unused4]` that of a person.
    let ids = fixture.expected("docre_ii")["0.input_ids"].to_dtype(DType::U32).unwrap().to_vec1::<u32>().unwrap();
    assert_eq!((&pieces().ids, ids[1], ids[3]), (&ids, 7, 4));
    assert_eq!((&pieces().mention_starts[0][..1], &pieces().mention_ends[0][..1]), (&[1][..], &[3][..]));
    assert_eq!(score("read"), expected);
}

#[test]
fn a_type_that_has_no_marker_is_told() {
    let fixture = Fixture::new();
    let numbers = fixture.path("numbers.json");
    fs::write(&numbers, json!({"ORG": 1, "LOC": 2, "C": 3, "PER": 4, "MISC": 5, "NUM": 6}).to_string()).unwrap();
    done(&fixture.convert(&fixture.weights("docre_sd"), &["--types", text(&numbers)]));
    let [corpus, checkpoint, out] = ["corpus", "checkpoint", "out"].map(|name| fixture.path(name));
    let named = [("--checkpoint", &checkpoint), ("--corpus", &corpus), ("--out", &out)];
    let named = named.iter().flat_map(|(name, path)| [*name, text(path)]);
    let run = docre(["score", "--split", "dev"].into_iter().chain(named));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let expected = "document `one`: mention 0 of entity 4: expected one of the types that have markers, \
        `C`, `LOC`, `MISC`, `NUM`, `ORG`, `PER`, got `TIME`";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}
