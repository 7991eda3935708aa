//! The encoder: golden hidden states and attention, windows, batches, fused operations, weights from files.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use candle_core::{DType, Device, Tensor, safetensors};
use docre::encoder::{Encoded, Encoder, EncoderConfig, Input, read_config, read_weights};
use docre::ground::random::Random;
use docre::nn::{Mode, Weights};

use crate::golden::{FOLDERS, Golden, distance};

/// The golden encoder of a folder.
fn encoder(golden: &Golden) -> Encoder {
    let given = read_weights(&golden.folder, &Device::Cpu).unwrap();
    let mut weights = Weights::given(given, "model.", 0, &Device::Cpu);
    Encoder::new(&read_config(&golden.folder).unwrap(), &mut weights, "model").unwrap()
}

/// The pieces of each golden document and the places of its mentions, in entity order.
fn inputs(golden: &Golden) -> Vec<(Vec<u32>, Vec<u32>)> {
    let places = |place: usize| {
        let entities = golden.json["docs"][place]["entity_pos"].as_array().unwrap();
        let mentions = entities.iter().flat_map(|mentions| mentions.as_array().unwrap());
        mentions.map(|mention| mention[0].as_u64().unwrap() as u32 + 1).collect()
    };
    (0..4).map(|place| (golden.numbers(place, "input_ids"), places(place))).collect()
}

fn encode(encoder: &Encoder, documents: &[(Vec<u32>, Vec<u32>)]) -> Encoded {
    let inputs: Vec<Input> = documents.iter().map(|(ids, rows)| Input { ids, rows }).collect();
    encoder.encode(&inputs, &mut Mode::Evaluate).unwrap()
}

fn states(encoded: &Encoded, place: usize) -> Tensor {
    let span = encoded.spans[place];
    encoded.states.narrow(0, span.start, span.len).unwrap()
}

#[test]
fn states_and_attention_equal_the_reference() {
    for name in FOLDERS {
        let golden = Golden::open(name);
        let encoded = encode(&encoder(&golden), &inputs(&golden));
        for place in 0..4 {
            let off = distance(&states(&encoded, place), golden.tensor(place, "sequence_output"));
            assert!(off < 1e-4, "{name}: document {place}: states differ by {off}");
            let attention = encoded.attention[place].shares.squeeze(0).unwrap();
            let off = distance(&attention, golden.tensor(place, "attention_of_mention_starts"));
            assert!(off < 1e-4, "{name}: document {place}: attention differs by {off}");
        }
    }
}

/// A random document of a length, its mentions every 50 pieces.
fn random_document(length: usize) -> (Vec<u32>, Vec<u32>) {
    let mut random = Random::new(length as u64);
    let inner = (2..length).map(|_| 5 + random.below(60) as u32);
    let ids = std::iter::once(2).chain(inner).chain([3]).collect();
    (ids, (1..length as u32 - 1).step_by(50).collect())
}

fn small(positions: usize) -> EncoderConfig {
    EncoderConfig { max_position_embeddings: positions, ..EncoderConfig::small(70, 16, 2, 4) }
}

#[test]
fn any_number_of_windows_sees_every_piece() {
    let config = small(64);
    let encoder = Encoder::new(&config, &mut Weights::fresh(1, &Device::Cpu), "model").unwrap();
    for length in [63, 64, 65, 126, 127, 128, 200, 1000] {
        let encoded = encode(&encoder, &[random_document(length)]);
        assert_eq!(encoded.states.dims(), [length, 16]);
        let norms: Vec<f32> = encoded.states.sqr().unwrap().sum(1).unwrap().to_vec1().unwrap();
        // A layer-normed state of width 16 has a squared norm of 16; the mean of several may be shorter, never empty.
        assert!(norms.iter().all(|norm| (1.0..16.1).contains(norm)), "length {length}");
        let attention = encoded.attention[0].shares.squeeze(0).unwrap();
        let sums: Vec<f32> = attention.sum(2).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5), "length {length}");
    }
}

#[test]
fn a_batch_of_long_and_short_equals_one_by_one() {
    let encoder = Encoder::new(&small(64), &mut Weights::fresh(1, &Device::Cpu), "model").unwrap();
    let documents = [20, 150, 64, 70].map(random_document);
    let together = encode(&encoder, &documents);
    for (place, document) in documents.iter().enumerate() {
        let alone = encode(&encoder, std::slice::from_ref(document));
        assert!(distance(&states(&together, place), &alone.states) < 1e-5);
        let attention = |encoded: &Encoded, place: usize| {
            let of = encoded.attention.iter().find(|attention| attention.documents == [place]).unwrap();
            of.shares.squeeze(0).unwrap()
        };
        assert!(distance(&attention(&together, place), &attention(&alone, 0)) < 1e-5);
    }
}

#[test]
fn a_fresh_encoder_is_seeded_and_all_of_it_learns() {
    let build = |seed| {
        let mut weights = Weights::fresh(seed, &Device::Cpu);
        (Encoder::new(&small(64), &mut weights, "model").unwrap(), weights)
    };
    let document = random_document(100);
    let (encoder, weights) = build(1);
    assert!(
        distance(
            &encode(&encoder, std::slice::from_ref(&document)).states,
            &encode(&build(1).0, std::slice::from_ref(&document)).states
        ) == 0.0
    );
    assert!(
        distance(
            &encode(&encoder, std::slice::from_ref(&document)).states,
            &encode(&build(2).0, std::slice::from_ref(&document)).states
        ) > 0.1
    );
    let mut random = Random::new(3);
    let input = Input { ids: &document.0, rows: &document.1 };
    let encoded = encoder.encode(&[input], &mut Mode::Train(&mut random)).unwrap();
    let target = Tensor::arange(0f32, 1600.0, &Device::Cpu).unwrap().sin().unwrap().reshape((100, 16)).unwrap();
    let grads = (encoded.states - target).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap();
    for (name, variable) in weights.variables() {
        let norm: f32 = grads.get(variable).unwrap().sqr().unwrap().sum_all().unwrap().to_scalar().unwrap();
        assert!(norm.is_finite() && norm > 0.0, "{name}: {norm}");
    }
}

#[test]
fn a_fresh_encoder_attends_to_what_is_near() {
    let mut weights = Weights::fresh(7, &Device::Cpu);
    let encoder = Encoder::new(&EncoderConfig::small(70, 64, 2, 4), &mut weights, "model").unwrap();
    let (ids, _) = random_document(100);
    let attention = encode(&encoder, &[(ids, vec![20, 50, 80])]).attention.remove(0).shares.squeeze(0).unwrap();
    for (row, of_row) in [20, 50, 80].into_iter().zip(attention.mean(1).unwrap().to_vec2::<f32>().unwrap()) {
        let near: f32 = of_row[row - 3..=row + 3].iter().sum();
        assert!(near > 3.0 * 0.07, "row {row}: {near} of the attention goes to the 7 nearest of 100 pieces");
    }
}

#[test]
fn a_detached_view_sees_updates_and_records_nothing() {
    let mut weights = Weights::fresh(1, &Device::Cpu);
    let trained = Encoder::new(&small(64), &mut weights, "model").unwrap();
    let mut weights = weights.detached();
    let view = Encoder::new(&small(64), &mut weights, "model").unwrap();
    let variable = &weights.variables()["model.embeddings.word_embeddings.weight"];
    variable.set(&(variable.as_detached_tensor() * 2.0).unwrap()).unwrap();
    let document = [random_document(40)];
    let (one, other) = (encode(&trained, &document).states, encode(&view, &document).states);
    assert!(distance(&one, &other) == 0.0);
    assert!(one.track_op() && !other.track_op());
}

#[test]
fn pieces_and_rows_out_of_range_are_refused() {
    let encoder = Encoder::new(&small(64), &mut Weights::fresh(1, &Device::Cpu), "model").unwrap();
    let fault = |ids: &[u32], rows: &[u32]| {
        encoder.encode(&[Input { ids, rows }], &mut Mode::Evaluate).unwrap_err().to_string()
    };
    assert!(fault(&[2, 70, 3], &[]).contains("piece 70 is out of range, the vocabulary has 70 pieces"));
    assert!(fault(&[2, 3], &[2]).contains("row 2 is out of range"));
    assert!(fault(&[2], &[]).contains("expected a start and an end piece"));
}

/// Saves the golden encoder's weights under other names, in other files, and checks that it loads the same.
fn check_names(rename: impl Fn(&str) -> String, shards: usize) {
    let golden = Golden::open("atlop_bert");
    let folder = tempfile::tempdir().unwrap();
    let original = safetensors::load(golden.folder.join("model.safetensors"), &Device::Cpu).unwrap();
    let encoder_only = original.into_iter().filter(|(name, _)| name.starts_with("model."));
    let renamed: BTreeMap<String, Tensor> = encoder_only.map(|(name, tensor)| (rename(&name[6..]), tensor)).collect();
    let mut files: Vec<HashMap<String, Tensor>> = vec![HashMap::new(); shards];
    let mut index = BTreeMap::new();
    for (place, (name, tensor)) in renamed.into_iter().enumerate() {
        index.insert(name.clone(), format!("model-{}.safetensors", place % shards));
        files[place % shards].insert(name, tensor);
    }
    if shards == 1 {
        safetensors::save(&files[0], folder.path().join("model.safetensors")).unwrap();
    } else {
        for (place, file) in files.iter().enumerate() {
            safetensors::save(file, folder.path().join(format!("model-{place}.safetensors"))).unwrap();
        }
        let index = serde_json::json!({"metadata": {}, "weight_map": index}).to_string();
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    }
    let mut weights = Weights::given(read_weights(folder.path(), &Device::Cpu).unwrap(), "model.", 0, &Device::Cpu);
    let found = Encoder::new(&read_config(&golden.folder).unwrap(), &mut weights, "model").unwrap();
    let documents = &inputs(&golden)[..1];
    assert!(distance(&encode(&found, documents).states, &encode(&encoder(&golden), documents).states) == 0.0);
}

#[test]
fn published_names_are_all_one() {
    check_names(str::to_owned, 1);
    check_names(|name| format!("bert.{name}"), 3);
    let old =
        |name: &str| name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
    check_names(|name| format!("roberta.{}", old(name)), 1);
}

#[test]
fn a_missing_or_misshapen_weight_is_named() {
    let golden = Golden::open("atlop_bert");
    let config = read_config(&golden.folder).unwrap();
    let fault = |change: &dyn Fn(&mut BTreeMap<String, Tensor>)| {
        let mut given = read_weights(&golden.folder, &Device::Cpu).unwrap();
        change(&mut given);
        let mut weights = Weights::given(given, "model.", 0, &Device::Cpu);
        Encoder::new(&config, &mut weights, "model").unwrap_err().to_string()
    };
    let name = "model.encoder.layer.1.output.dense.weight";
    let missing = fault(&|given| drop(given.remove(name)));
    assert!(missing.contains(&format!("weight `{name}`: expected shape [64, 128], found no such weight")), "{missing}");
    let misshapen = fault(&|given| drop(given.insert(name.to_owned(), Tensor::new(&[1f32], &Device::Cpu).unwrap())));
    assert!(misshapen.contains(&format!("weight `{name}`: expected shape [64, 128], got [1]")), "{misshapen}");
    let codes = Tensor::zeros((64, 128), DType::U8, &Device::Cpu).unwrap();
    let quantised = fault(&|given| drop(given.insert(name.to_owned(), codes.clone())));
    assert!(quantised.contains(&format!("weight `{name}`: expected floating-point numbers, got u8")), "{quantised}");
}

#[test]
fn damaged_folders_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let weights = || read_weights(folder.path(), &Device::Cpu).unwrap_err().to_string();
    assert!(weights().contains("expected `model.safetensors`"));
    fs::write(folder.path().join("pytorch_model.bin"), "no archive").unwrap();
    assert!(weights().contains("pytorch_model.bin: expected a PyTorch archive"));
    fs::write(folder.path().join("model.safetensors"), "short").unwrap();
    assert!(weights().contains("model.safetensors: expected a whole safetensors file"));
    let config = |text: &str| {
        fs::write(folder.path().join("config.json"), text).unwrap();
        read_config(folder.path()).unwrap_err().to_string()
    };
    assert!(config("{}").contains("missing field `vocab_size`"));
    let golden = fs::read_to_string(Golden::open("atlop_bert").folder.join("config.json")).unwrap();
    let wrong = golden.replace("\"num_attention_heads\": 4", "\"num_attention_heads\": 5");
    assert!(config(&wrong).contains("`num_attention_heads`: expected a divisor of 64, got 5"));
}

#[test]
fn heads_of_pre_training_are_known() {
    let told = |names: &[&str]| {
        let one = Tensor::new(&[1f32], &Device::Cpu).unwrap();
        let given = names.iter().map(|name| ((*name).to_owned(), one.clone())).collect();
        Weights::given(given, "model.", 0, &Device::Cpu).unused().event().unwrap().to_string()
    };
    let heads = [
        "cls.predictions.bias",
        "lm_head.dense.weight",
        "discriminator_predictions.dense.weight",
        "generator_predictions.dense.weight",
        "generator_lm_head.bias",
    ];
    assert!(told(&heads).starts_with("note: 5 weights are not used: "), "{}", told(&heads));
    assert_eq!(told(&["classifier.weight", heads[0]]), "warning: 1 weight is not used: `classifier.weight`");
}

#[test]
fn pickled_weights_are_read() {
    let weights = read_weights(&crate::golden::folder("pickled"), &Device::Cpu).unwrap();
    let names: Vec<&str> = weights.keys().map(String::as_str).collect();
    assert_eq!(names, ["model.embeddings.LayerNorm.weight", "model.embeddings.word_embeddings.weight"]);
    assert_eq!(weights[names[0]].to_vec1::<f32>().unwrap(), [1.0, 2.0, 3.0]);
    assert_eq!(weights[names[1]].to_vec2::<f32>().unwrap(), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
}
