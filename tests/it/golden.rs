//! Golden values: the small encoders, documents and expected numbers under `tests/golden/atlop_*`.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor, safetensors};
use docre::pieces::MarkedDocument;
use serde_json::Value;

/// Both encoder families.
pub const FOLDERS: [&str; 2] = ["atlop_bert", "atlop_roberta"];

/// One folder of golden values.
pub struct Golden {
    pub folder: PathBuf,
    pub tensors: HashMap<String, Tensor>,
    pub json: Value,
    pub documents: Vec<MarkedDocument>,
}

/// Below `DOCRE_GOLDEN`, where a test runs on another machine than it was built on.
pub fn folder(name: &str) -> PathBuf {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    std::env::var_os("DOCRE_GOLDEN").map_or_else(beside, PathBuf::from).join(name)
}

impl Golden {
    pub fn open(name: &str) -> Self {
        let folder = folder(name);
        let json = |file: &str| -> Value { serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap() };
        let tensors = safetensors::load(folder.join("expected.safetensors"), &Device::Cpu).unwrap();
        let documents = json("docs.json").as_array().unwrap().iter().map(marked).collect();
        Self { tensors, json: json("expected.json"), documents, folder }
    }

    /// An expected tensor of a document, in f32 or, where integral, as numbers.
    pub fn tensor(&self, document: usize, name: &str) -> &Tensor {
        &self.tensors[&format!("{document}.{name}")]
    }

    pub fn numbers(&self, document: usize, name: &str) -> Vec<u32> {
        let tensor = self.tensor(document, name).to_dtype(DType::U32).unwrap();
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }
}

/// A document in DocRED's JSON.
fn marked(document: &Value) -> MarkedDocument {
    let sentences: Vec<Vec<String>> = serde_json::from_value(document["sents"].clone()).unwrap();
    let starts: Vec<usize> = sentences
        .iter()
        .scan(0, |next, words| {
            let start = *next;
            *next += words.len();
            Some(start)
        })
        .collect();
    let mention = |mention: &Value| {
        let start = starts[mention["sent_id"].as_u64().unwrap() as usize] as u32;
        let place = |end: usize| start + mention["pos"][end].as_u64().unwrap() as u32;
        (place(0), place(1))
    };
    MarkedDocument {
        id: document["title"].as_str().unwrap().into(),
        words: sentences.into_iter().flatten().map(Into::into).collect(),
        entities: document["vertexSet"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mentions| mentions.as_array().unwrap().iter().map(mention).collect())
            .collect(),
        ..MarkedDocument::default()
    }
}

/// Greatest absolute difference.
pub fn distance(one: &Tensor, other: &Tensor) -> f32 {
    assert_eq!(one.dims(), other.dims());
    let [one, other] = [one, other].map(|tensor| tensor.to_device(&Device::Cpu).unwrap().to_dtype(DType::F32).unwrap());
    let difference = (one - other).unwrap();
    difference.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}
