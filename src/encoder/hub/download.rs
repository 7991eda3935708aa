//! An encoder from the hub into the cache, in the layout that Hugging Face's tools share.

use std::env;
use std::io::{self, IsTerminal};
use std::path::Path;

use hf_hub::Cache;
use hf_hub::api::sync::{ApiBuilder, ApiError};

/// Whatever of these there is makes the tokenizer.
const TOKENIZER: [&str; 5] = ["tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt"];
/// The weights: the first of these that there is, with its shards.
const WEIGHTS: [&str; 3] = ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"];

/// Downloads what an encoder needs from `HF_ENDPOINT`, or else Hugging Face. `config.json`, which makes an encoder
/// count as there, comes last.
pub fn download(cache: &Path, name: &str) -> Result<(), ApiError> {
    let mut builder = ApiBuilder::from_cache(Cache::new(cache.to_path_buf())).with_progress(io::stderr().is_terminal());
    if let Some(endpoint) = set("HF_ENDPOINT") {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
    }
    if let Some(token) = set("HF_TOKEN") {
        builder = builder.with_token(Some(token));
    }
    let model = builder.build()?.model(name.to_owned());
    let files: Vec<String> = model.info()?.siblings.into_iter().map(|file| file.rfilename).collect();
    for file in wanted(&files) {
        model.get(file)?;
    }
    model.get("config.json").map(drop)
}

fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn wanted(files: &[String]) -> impl Iterator<Item = &str> {
    let weights = WEIGHTS.into_iter().find(|name| files.iter().any(|file| file == name));
    let is_shard = move |file: &str| {
        weights == Some("model.safetensors.index.json") && file.starts_with("model-") && file.ends_with(".safetensors")
    };
    let is_wanted = move |file: &&str| TOKENIZER.contains(file) || weights == Some(*file) || is_shard(file);
    files.iter().map(String::as_str).filter(is_wanted)
}
